"""How sure a score is: its interval over rows drawn again."""

import numpy as np

from trainer.paired.answers import Answers, usable
from trainer.paired.bootstrap import draw, make_score

__all__ = ["score_intervals"]


def score_intervals(
    answers: Answers,
    metrics: tuple[str, ...],
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int,
) -> dict[str, tuple[float, float]]:
    """Return the bounds between which the candidate's scores lie: percentiles of the bootstrap.

    Of metrics that a tenth of the resamples or more do not have, there are none.

    Args:
        answers: Of the candidate; what others answered is not looked at.
        metrics: Of the task.
        confidence: That the score of all rows like these lies between the two bounds.
        resamples: How many.
        seed: Decides which rows are drawn.
    """
    rows = usable(answers.against(answers.candidate))
    if rows is None:
        return {}
    scores = {metric: make_score(rows, metric, rows.candidate) for metric in metrics}
    found: dict[str, list[np.ndarray]] = {metric: [] for metric in metrics}
    for drawn in draw(np.asarray(rows.weights), resamples, seed):
        for metric, score in scores.items():
            found[metric].append(score(drawn))
    bounds = {}
    for metric, parts in found.items():
        values = np.concatenate(parts)
        seen = values[np.isfinite(values)]
        if len(seen) > 0.9 * resamples:
            low, high = np.quantile(seen, [(1 - confidence) / 2, (1 + confidence) / 2])
            bounds[metric] = (float(low), float(high))
    return bounds
