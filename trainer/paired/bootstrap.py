"""The paired bootstrap: rows drawn again with both models' answers, for any metric.

All resamples are matrix products of how often each was drawn, so 1,000 of them over 4,000 rows
are a fraction of a second. The bounds are percentiles [Efron & Tibshirani, "An Introduction to the
Bootstrap", 1993].
"""

from collections.abc import Callable, Iterator

import numpy as np

from trainer.metrics import higher_is_better
from trainer.paired.answers import Answers, losses
from trainer.paired.comparison import Comparison

__all__ = ["compare_resampled"]

CELLS = 1 << 20  # of a matrix of draws at a time: 8 MiB
Score = Callable[[np.ndarray], np.ndarray]


def compare_resampled(
    answers: Answers,
    metric: str,
    *,
    threshold: float,
    confidence: float,
    resamples: int,
    seed: int,
) -> Comparison | None:
    """Compare by resampling; None if a tenth of the resamples or more has no such score.

    Args:
        answers: As `usable` gives them.
        metric: Any of the task's.
        threshold: The gain to exceed.
        confidence: Of each bound.
        resamples: How many.
        seed: Decides which rows are drawn.
    """
    ours = make_score(answers, metric, answers.candidate)
    theirs = make_score(answers, metric, np.asarray(answers.champion))
    sign = 1.0 if higher_is_better(metric) else -1.0
    weights, rows = np.asarray(answers.weights), len(answers.labels)
    found = sign * (ours(weights[None]) - theirs(weights[None]))
    gains = np.concatenate(
        [sign * (ours(drawn) - theirs(drawn)) for drawn in draw(weights, resamples, seed)]
    )
    seen = gains[np.isfinite(gains)]
    if not np.isfinite(found[0]) or len(seen) <= 0.9 * resamples:
        return None
    low, high = np.quantile(seen, [1 - confidence, confidence])
    p = float(1 + np.count_nonzero(seen <= threshold)) / (1 + len(seen))
    if np.ptp(seen) == 0:
        p = 0.0 if found[0] > threshold else 1.0
    return Comparison(
        metric,
        float(found[0]),
        float(low),
        float(high),
        p,
        threshold,
        confidence,
        test="bootstrap",
        rows=rows,
    )


def draw(weights: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield weights of resampled rows, float64[some, n] each, a function of seed and n."""
    rows = len(weights)
    generator = np.random.Generator(np.random.PCG64(seed))
    at_once = max(1, CELLS // rows)
    for first in range(0, resamples, at_once):
        count = min(at_once, resamples - first)
        drawn = generator.integers(0, rows, (count, rows))
        drawn += np.arange(count)[:, None] * rows
        times = np.bincount(drawn.ravel(), minlength=count * rows).reshape(count, rows)
        yield times * weights


def make_score(answers: Answers, metric: str, output: np.ndarray) -> Score:
    """Return a function from weights float64[k, n] to the metric under each, float64[k]."""
    if metric == "auc":
        return _auc(answers.labels == 1, output)
    parts = losses(answers.task, metric, answers.labels, output)
    if metric == "r2":
        return _r2(answers.labels.astype(np.float64), parts)

    def mean(weights: np.ndarray) -> np.ndarray:
        return np.asarray(weights @ parts / weights.sum(axis=1))

    if metric == "accuracy":
        return lambda weights: 1 - mean(weights)
    return (lambda weights: np.sqrt(mean(weights))) if metric == "rmse" else mean


def _r2(labels: np.ndarray, squares: np.ndarray) -> Score:
    centred = labels - labels.mean()

    def score(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1)
        spread = weights @ np.square(centred) - np.square(weights @ centred) / total
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1 - (weights @ squares) / spread)

    return score


def _auc(positive: np.ndarray, output: np.ndarray) -> Score:
    ones, zeros = np.flatnonzero(positive), np.flatnonzero(~positive)
    zeros = zeros[np.argsort(output[zeros], kind="stable")]
    first = np.searchsorted(output[zeros], output[ones], "left")
    last = np.searchsorted(output[zeros], output[ones], "right")

    def score(weights: np.ndarray) -> np.ndarray:
        sums = np.zeros((len(weights), len(zeros) + 1))
        np.cumsum(np.take(weights, zeros, axis=1), axis=1, out=sums[:, 1:])
        above = np.take(weights, ones, axis=1)
        wins = np.einsum("ij,ij->i", above, np.take(sums, first, axis=1))
        wins += np.einsum("ij,ij->i", above, np.take(sums, last, axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(wins / (2 * above.sum(axis=1) * sums[:, -1]))

    return score
