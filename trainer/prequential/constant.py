"""The best that one answer for all rows can do: what any model must beat before it is of use."""

import numpy as np

from trainer.metrics import Task, score

__all__ = ["score_constant"]


def score_constant(
    task: Task, labels: np.ndarray, weights: np.ndarray | None = None, classes: int = 2
) -> dict[str, float]:
    """Score the answer that fits these very rows best: their class frequencies, or their mean.

    It knows the labels that it is scored on, so no baseline of a single answer is stronger, but
    for mae, where a median would be.

    Args:
        task: "binary", "multiclass" or "regression".
        labels: [n].
        weights: [n], or None for all 1.
        classes: How many there are (multiclass).

    Returns:
        As `score` does.

    Raises:
        MetricError: The labels do not fit the task.
    """
    known = np.asarray(labels).reshape(-1)
    weighs = np.ones(len(known)) if weights is None else np.asarray(weights, np.float64)
    total = weighs.sum()
    if not total > 0:
        return {}
    if task != "multiclass":
        mean = float(known.astype(np.float64) @ weighs / total)
        return score(task, known, np.full(len(known), mean), weights)
    seen = np.isin(known, np.arange(classes))  # `score` refuses any others
    frequencies = np.bincount(known[seen].astype(np.int64), weighs[seen], minlength=classes) / total
    return score(task, known, np.tile(frequencies, (len(known), 1)), weights)
