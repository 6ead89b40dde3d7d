"""Candidate against champion on the same rows: which test fits which metric."""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from trainer.errors import SettingsError
from trainer.metrics import higher_is_better
from trainer.paired.answers import Answers, losses, usable
from trainer.paired.bootstrap import compare_resampled
from trainer.paired.comparison import Comparison, mean_estimate
from trainer.paired.delong import compare_auc
from trainer.paired.mcnemar import compare_hits, compare_weighted_hits

__all__ = ["PairedTest", "TestKind", "usual_margin"]

TestKind = Literal["auto", "bootstrap"]
USUAL_MARGIN = 0.01


@dataclass(frozen=True)
class PairedTest:
    """How candidate and champion are compared row by row.

    A candidate at the boundary, exactly `margin` worse, passes with a chance of 1 - confidence
    each time that it is tried: over many rounds, some will.

    Attributes:
        margin: How much worse than the champion a candidate may be, in the metric's unit: it is
            promoted if it is shown not to be worse by that much (non-inferiority). 0: only if it
            is shown to be better (superiority). None: see `usual_margin`.
        confidence: Of the lower bound of the gain that must exceed -margin.
        test: "auto": DeLong's for auc, McNemar's and Tango's for accuracy, the paired t for
            log_loss and mae, the bootstrap for rmse and r2, and for accuracy of weighted rows the
            t. "bootstrap": for all. Accuracies are never surer than Tango's test is of them.
        resamples: Of the bootstrap, enough for a chance of 1 - confidence to be told.
    """

    margin: float | None = None
    confidence: float = 0.95
    test: TestKind = "auto"
    resamples: int = 1000

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: A value is out of range.
        """
        margin = self.margin
        fine = margin is None or (math.isfinite(margin) and margin >= 0)
        _check("margin", fine, "a number of at least 0", margin)
        _check("confidence", 0.5 < self.confidence < 1, "above 0.5 and below 1", self.confidence)
        _check("test", self.test in get_args(TestKind), '"auto" or "bootstrap"', self.test)
        least = max(100, fewest_resamples(self.confidence))
        _check("resamples", self.resamples >= least, f"at least {least}", self.resamples)

    def among(self, count: int) -> "PairedTest":
        """Return the test with resamples enough to tell a chance of (1 - confidence) / count."""
        least = 4 * fewest_resamples(1 - (1 - self.confidence) / max(count, 1))
        return replace(self, resamples=max(self.resamples, least))

    def compare(
        self, answers: Answers, metric: str, threshold: float, seed: int
    ) -> Comparison | None:
        """Test whether the candidate's gain over the champion exceeds `threshold`.

        Args:
            answers: Of both, on the same rows.
            metric: One of the task's.
            threshold: -margin for non-inferiority, 0 for superiority.
            seed: Of the bootstrap.

        Returns:
            None if it cannot be told: no champion, predictions that are not finite, or too few
            rows (of a class).

        Raises:
            MetricError: No such metric.
        """
        higher_is_better(metric)
        rows = usable(answers)
        if rows is None:
            return None
        if self.test == "bootstrap" or metric in {"rmse", "r2"}:
            resampled = compare_resampled(
                rows,
                metric,
                threshold=threshold,
                confidence=self.confidence,
                resamples=self.resamples,
                seed=seed,
            )
            return self._less_sure(rows, resampled) if metric == "accuracy" else resampled
        if metric == "auc":
            estimate = compare_auc(rows)
            if estimate is None:
                return None
            return estimate.compare(metric, threshold, self.confidence, "delong", len(rows.labels))
        return self._compare_means(rows, metric, threshold)

    def _compare_means(self, rows: Answers, metric: str, threshold: float) -> Comparison | None:
        ours = losses(rows.task, metric, rows.labels, rows.candidate)
        theirs = losses(rows.task, metric, rows.labels, np.asarray(rows.champion))
        gains, weights = theirs - ours, np.asarray(rows.weights)
        if metric == "accuracy" and (weights == weights[0]).all():
            better, worse = int((gains > 0).sum()), int((gains < 0).sum())
            return compare_hits(
                better, worse, len(gains), threshold=threshold, confidence=self.confidence
            )
        estimate = mean_estimate(gains, weights)
        if estimate is None:
            return None
        found = estimate.compare(metric, threshold, self.confidence, "t", len(gains))
        return self._less_sure(rows, found) if metric == "accuracy" else found

    def _less_sure(self, rows: Answers, found: Comparison | None) -> Comparison | None:
        """Return what was found of accuracies, no surer than Tango's test is.

        Where hardly a row differs, neither the spread of the differences nor that of resamples
        says how many might have: of none that differ, both would be certain.
        """
        if found is None:
            return None
        ours = losses(rows.task, "accuracy", rows.labels, rows.candidate)
        theirs = losses(rows.task, "accuracy", rows.labels, np.asarray(rows.champion))
        other = compare_weighted_hits(
            theirs - ours,
            np.asarray(rows.weights),
            threshold=found.threshold,
            confidence=self.confidence,
        )
        return replace(
            found,
            low=min(found.low, other.low),
            high=max(found.high, other.high),
            p=max(found.p, other.p),
        )


def usual_margin(metric: str, champion: float) -> float:
    """Return the margin of those who set none: 0.01, and of an error 1 % of the champion's.

    Args:
        metric: Its name.
        champion: The champion's score.
    """
    return USUAL_MARGIN if higher_is_better(metric) else USUAL_MARGIN * abs(champion)


def fewest_resamples(confidence: float) -> int:
    """Return how many a bootstrap needs whose smallest p-value is less than 1 - confidence."""
    return math.floor(1 / (1 - confidence) + 1e-6)


def _check(name: str, fine: bool, expected: str, got: object) -> None:
    if not fine:
        raise SettingsError(f"gate.{name}", expected=expected, got=repr(got), mend="change it")
