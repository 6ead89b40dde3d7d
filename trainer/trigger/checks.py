"""The conformance check for those who write their own trigger: call it in a test."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

from trainer.trigger.trigger import PastRound, Trigger, Waiting

RECORDS = (0, 1, 2, 100, 10_000, 10**9)
SECONDS = (0.0, 0.5, 1.0, 60.0, 3600.0, 1e9)
SCORES = (0.5, 0.7, math.nan, 0.75, 0.8, 0.8)


def check_trigger(trigger: Trigger) -> None:
    """Prove what `Trigger` promises: pure, monotone, and never due without a record.

    Raises:
        AssertionError: It does not hold; the text says for which argument.
    """
    rounds = tuple(PastRound(500, score, 2.0) for score in SCORES)
    for drift, by_hand, past in itertools.product((None, "found"), (False, True), ((), rounds)):
        case = Waiting(0, 0.0, drift, by_hand, past)
        grown = itertools.product(RECORDS, SECONDS)
        _check_grows(trigger, [replace(case, records=r, seconds=s) for r, s in grown])


def _check_grows(trigger: Trigger, cases: Sequence[Waiting]) -> None:
    """The promises for cases that differ in records and seconds alone."""
    reasons = [trigger.due(case) for case in cases]
    for case, reason in zip(cases, reasons, strict=True):
        _require(reason == trigger.due(case), "the same answer twice", case)
        _require(reason is None or bool(reason.strip()), "a reason", case)
        _require(reason is None or case.records > 0, "not due without a record", case)
        later = (
            then
            for grown, then in zip(cases, reasons, strict=True)
            if grown.records >= case.records and grown.seconds >= case.seconds
        )
        _require(reason is None or None not in later, "to stay due", case)


def _require(holds: bool, expected: str, case: object) -> None:
    if not holds:
        raise AssertionError(f"expected {expected}, for {case}")
