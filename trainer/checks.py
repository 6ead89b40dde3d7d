"""Conformance checks for those who write their own gate or trigger: call one in a test."""

import itertools
import math

from trainer.gate import Evidence, Gate
from trainer.trigger import Trigger


def check_gate(gate: Gate, metric: str = "auc") -> None:
    """Prove what `Gate` promises: pure, reasoned, and never promoting on a score it cannot see.

    Raises:
        AssertionError: It does not hold; the text says for which evidence.
    """
    scores: tuple[dict[str, float], ...] = (
        {metric: 0.7},
        {metric: 0.9},
        {metric: math.nan},
        {metric: math.inf},
        {},
    )
    champions = (None, *scores)
    cases = itertools.product(scores, scores, champions, (0.0, 0.5, math.nan), (0, 1, 10_000))
    for candidate, float32, champion, difference, rows in cases:
        evidence = Evidence(candidate, float32, champion, difference, rows)
        verdict = gate.decide(evidence)
        _require(verdict == gate.decide(evidence), "the same verdict twice", evidence)
        _require(bool(verdict.reason.strip()), "a reason", evidence)
        _require("\n" not in verdict.reason, "a reason of one line", evidence)
        seen = math.isfinite(candidate.get(metric, math.nan))
        _require(seen or not verdict.promote, "no promotion without a score", evidence)


def check_trigger(trigger: Trigger) -> None:
    """Prove what `Trigger` promises: pure, monotone, and never due without a record.

    Raises:
        AssertionError: It does not hold; the text says for which arguments.
    """
    records = (0, 1, 2, 100, 10_000, 10**9)
    seconds = (0.0, 0.5, 1.0, 60.0, 3600.0, 1e9)
    for count, waited in itertools.product(records, seconds):
        place = f"records={count}, seconds={waited}"
        reason = trigger.due(count, waited)
        _require(reason == trigger.due(count, waited), "the same answer twice", place)
        _require(reason is None or bool(reason.strip()), "a reason", place)
        _require(reason is None or count > 0, "not due without a record", place)
        later = (trigger.due(c, s) for c in records for s in seconds if c >= count and s >= waited)
        _require(reason is None or None not in later, "to stay due", place)


def _require(holds: bool, expected: str, case: object) -> None:
    if not holds:
        raise AssertionError(f"expected {expected}, for {case}")
