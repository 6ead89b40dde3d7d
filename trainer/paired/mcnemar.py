"""The paired test of two accuracies: only rows that one model has right and the other wrong count.

Against a gain of zero it is McNemar's test, by the exact binomial where such rows are few. Against
any other, and for the bounds, it is Tango's score test, which is McNemar's at zero and keeps its
level where rows are few [Tango, "Equivalence test and confidence interval for the difference in
proportions for the paired-sample design", Statistics in Medicine, 1998].
"""

import math

import numpy as np
from scipy import special

from trainer.paired.comparison import Comparison

__all__ = ["compare_hits", "compare_weighted_hits", "score_test"]

FEW = 100  # discordant rows up to which the binomial is summed exactly


def compare_hits(
    better: int, worse: int, rows: int, *, threshold: float, confidence: float
) -> Comparison:
    """Compare two accuracies.

    Args:
        better: Rows that the candidate alone has right.
        worse: Rows that the champion alone has right.
        rows: All rows, at least 1.
        threshold: The gain to exceed.
        confidence: Of each bound.
    """
    gain = (better - worse) / rows
    few = better + worse <= FEW
    if threshold == 0 and few:
        # P(X >= better) of a fair coin; bdtrc is the chance of more than its first argument.
        p = float(special.bdtrc(better - 1, better + worse, 0.5)) if better else 1.0
    else:
        p = float(special.ndtr(-score_test(better, worse, rows, threshold)))
    low, high = _bounds(better, worse, rows, confidence)
    return Comparison("accuracy", gain, low, high, p, threshold, confidence, "mcnemar", rows)


def compare_weighted_hits(
    gains: np.ndarray, weights: np.ndarray, *, threshold: float, confidence: float
) -> Comparison:
    """Compare two weighted accuracies by Tango's test, on Kish's effective number of rows.

    Args:
        gains: float64[n]: 1 where the candidate alone is right, -1 where the champion alone is.
        weights: float64[n], positive.
        threshold: The gain to exceed.
        confidence: Of each bound.
    """
    total = weights.sum()
    rows = float(total**2 / np.square(weights).sum())
    better, worse = (float(rows * weights[part].sum() / total) for part in (gains > 0, gains < 0))
    p = float(special.ndtr(-score_test(better, worse, rows, threshold)))
    low, high = _bounds(better, worse, rows, confidence)
    gain = (better - worse) / rows
    return Comparison("accuracy", gain, low, high, p, threshold, confidence, "mcnemar", len(gains))


def score_test(better: float, worse: float, rows: float, gain: float) -> float:
    """Return Tango's statistic: how many standard errors what was seen lies above `gain`.

    The error is that of the most likely rates whose difference is `gain`, in (-1, 1).
    """
    a = 2.0 * rows
    b = -better - worse + (2 * rows - better + worse) * gain
    c = -worse * gain * (1 - gain)
    rate = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = rows * (2 * rate + gain * (1 - gain))
    apart = better - worse - rows * gain
    if variance <= 1e-12 * rows:
        return math.copysign(math.inf, apart) if abs(apart) > 1e-12 * rows else 0.0
    return apart / math.sqrt(variance)


def _bounds(better: float, worse: float, rows: float, confidence: float) -> tuple[float, float]:
    wanted = float(special.ndtri(confidence))
    return _bound(better, worse, rows, wanted), -_bound(worse, better, rows, wanted)


def _bound(better: float, worse: float, rows: float, wanted: float) -> float:
    """The gain that what was seen exceeds by `wanted` errors: the statistic falls as gains grow."""
    low, high = -1.0, (better - worse) / rows
    for _ in range(60):
        middle = (low + high) / 2
        if score_test(better, worse, rows, middle) > wanted:
            low = middle
        else:
            high = middle
    return low
