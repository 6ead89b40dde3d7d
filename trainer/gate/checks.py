"""A conformance check for those who write their own gate: call it in a test."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np

from trainer.gate.evidence import Evidence
from trainer.gate.gate import Gate
from trainer.metrics import METRICS
from trainer.paired.answers import Answers

__all__ = ["check_gate"]


def check_gate(gate: Gate, metric: str = "auc") -> None:
    """Prove what `Gate` promises: pure, reasoned, and never promoting on a score it cannot see.

    Evidence comes with and without answers row by row, good and bad ones.

    Args:
        gate: Yours.
        metric: The metric that it decides by.

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
        _check_decision(gate, metric, Evidence(candidate, float32, champion, difference, rows))
    seen = Evidence({metric: 0.9}, {metric: 0.9}, {metric: 0.9}, 0.0, 10_000)
    for answers in _answers(metric):
        for rounds, baseline in itertools.product((1, 1000), (None, {}, {metric: math.nan})):
            known = replace(seen, answers=answers, rounds=rounds, baseline=baseline)
            _check_decision(gate, metric, known)
            _check_decision(gate, metric, replace(known, champion=None))
            _check_decision(gate, metric, replace(known, candidate={}))


def _check_decision(gate: Gate, metric: str, evidence: Evidence) -> None:
    verdict = gate.decide(evidence)
    _require(verdict == gate.decide(evidence), "the same verdict twice", evidence)
    _require(bool(verdict.reason.strip()), "a reason", evidence)
    _require("\n" not in verdict.reason, "a reason of one line", evidence)
    seen = math.isfinite(evidence.candidate.get(metric, math.nan))
    _require(seen or not verdict.promote, "no promotion without a score", evidence)
    try:
        json.dumps(dict(verdict.numbers), allow_nan=False)
    except (TypeError, ValueError):
        _require(False, "numbers that are plain and finite", evidence)


def _answers(metric: str) -> list[Answers]:
    """Answers of a task that has the metric: fine ones, equal ones, few, odd, and none."""
    task = next(task for task, names in METRICS.items() if metric in names)
    labels = np.arange(400) % 2
    good, worse = np.where(labels == 1, 0.8, 0.2), np.where(np.arange(400) % 4 < 2, 0.7, 0.3)
    if task == "multiclass":
        good, worse = (np.stack([1 - p, p], axis=1) for p in (good, worse))
    fine = Answers(task, labels, good, worse, good, groups={"field": labels.astype(str)})
    odd = good.copy()
    odd[7] = math.nan
    return [
        fine,
        fine.swapped(),
        fine.against(good),
        fine.against(None),
        fine.against(odd),
        fine.against(worse[:-1]),
        replace(fine, candidate=odd),
        replace(fine, weights=np.zeros(400)),
        fine.take(np.arange(3)),
        fine.take(np.arange(0)),
    ]


def _require(holds: bool, expected: str, evidence: Evidence) -> None:
    if not holds:
        raise AssertionError(f"expected {expected}, for {evidence}")
