"""What any model must beat: the class frequencies so far, and "as the last one was".

Test, then train: the predictions for the rows of a round use the state before the round (no-change
also the labels of earlier rows in it, which is its definition), then `update` takes the rows in.
The state is a value that goes into the round's report, so a replay repeats the scores.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from trainer.errors import MetricError
from trainer.metrics import Task, score

__all__ = [
    "Baselines",
    "predict_baselines",
    "predict_majority",
    "predict_no_change",
    "score_baselines",
    "update",
]


@dataclass(frozen=True)
class Baselines:
    """What the baselines have seen.

    Attributes:
        task: "binary", "multiclass" or "regression".
        counts: Weight seen per class, from class 0 to the highest seen; empty for regression.
        total: Weighted sum of the labels (regression).
        weight: Weight of all rows seen.
        last: The latest label; None before the first row.
    """

    task: Task
    counts: tuple[float, ...] = ()
    total: float = 0.0
    weight: float = 0.0
    last: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON types."""
        return {**asdict(self), "counts": list(self.counts)}

    @classmethod
    def from_json(cls, state: Mapping[str, Any] | None, task: Task) -> "Baselines":
        """Return the state that `to_json` gave; None is the state before the first row.

        Raises:
            MetricError: A key is missing or unknown, or the state is of another task.
        """
        if state is None:
            return cls(task)
        expected = set(cls.__dataclass_fields__)
        if set(state) != expected or state["task"] != task:
            raise MetricError(
                "state of the baselines",
                expected=f"{', '.join(sorted(expected))} of a {task} task",
                got=f"{', '.join(sorted(state))} of a {state.get('task')} task",
                mend="start from a fresh state folder",
            )
        return cls(**{**state, "counts": tuple(state["counts"])})


def predict_majority(state: Baselines, rows: int, classes: int = 2) -> np.ndarray:
    """Return the class frequencies so far (each class counted once more), or the mean so far.

    Returns:
        float64 [n] (binary: of class 1; regression: the mean, 0 at first), or [n, classes]. The
        class with the highest frequency is the majority class.
    """
    if state.task == "regression":
        return np.full(rows, state.total / state.weight if state.weight > 0 else 0.0)
    counts = _grown(state.counts, classes) + 1.0
    frequencies = counts / counts.sum()
    if state.task == "binary":
        return np.full(rows, frequencies[1])
    return np.tile(frequencies, (rows, 1))


def predict_no_change(state: Baselines, labels: np.ndarray, classes: int = 2) -> np.ndarray:
    """Return for each row the label of the row before it.

    Args:
        state: Gives the label before the first row; without one the first row is as
            `predict_majority` says.
        labels: [n] in time order.
        classes: Number of classes (multiclass).

    Returns:
        float64 [n], or [n, classes] with a single 1 a row for multiclass.
    """
    predictions = predict_majority(state, len(labels), classes)
    before = np.nan if state.last is None else state.last
    previous = np.concatenate([[before], labels])[: len(labels)]
    known = ~np.isnan(previous)
    if state.task == "multiclass":
        width = predictions.shape[1]
        predictions[known] = np.eye(width)[previous[known].astype(np.int64)]
    else:
        predictions[known] = previous[known]
    return predictions


def update(state: Baselines, labels: np.ndarray, weights: np.ndarray | None = None) -> Baselines:
    """Return the state after rows with these labels [n], in time order, and weights [n]."""
    if len(labels) == 0:
        return state
    weight = np.ones(len(labels)) if weights is None else np.asarray(weights, np.float64)
    values = np.asarray(labels, np.float64)
    new = replace(state, weight=state.weight + float(weight.sum()), last=float(values[-1]))
    if state.task == "regression":
        return replace(new, total=state.total + float((values * weight).sum()))
    seen = np.bincount(values.astype(np.int64), weight)
    counts = _grown(state.counts, len(seen)) + _grown(tuple(seen), len(state.counts))
    return replace(new, counts=tuple(counts.tolist()))


def predict_baselines(task: Task, labels: np.ndarray, state: Baselines) -> dict[str, np.ndarray]:
    """Return what both baselines predict for the rows.

    Args:
        task: The state's task.
        labels: [n] in time order.
        state: The state before the rows.

    Returns:
        Predictions as `score` takes them, of "majority_class" (for regression the mean so far) and
        "no_change".

    Raises:
        MetricError: The state is of another task.
    """
    if state.task != task:
        raise MetricError(
            "state of the baselines",
            expected=f"a {task} task",
            got=f"a {state.task} task",
            mend="start from a fresh state folder",
        )
    highest = 0 if task == "regression" else int(np.max(labels, initial=1))
    classes = max(2, highest + 1, len(state.counts))
    return {
        "majority_class": predict_majority(state, len(labels), classes),
        "no_change": predict_no_change(state, labels, classes),
    }


def score_baselines(
    task: Task, labels: np.ndarray, state: Baselines, weights: np.ndarray | None = None
) -> tuple[dict[str, dict[str, float]], Baselines]:
    """Score both baselines on the rows, then take the rows in.

    Args:
        task: The state's task.
        labels: [n] in time order.
        state: The state before the rows.
        weights: [n], or None.

    Returns:
        ({"majority_class": metrics, "no_change": metrics}, the state after the rows). For
        regression "majority_class" is the mean so far.

    Raises:
        MetricError: The state is of another task, or the labels do not fit the task.
    """
    predicted = predict_baselines(task, labels, state)
    scores = {who: score(task, labels, output, weights) for who, output in predicted.items()}
    return scores, update(state, labels, weights)


def _grown(counts: tuple[float, ...], classes: int) -> np.ndarray:
    return np.pad(np.asarray(counts, np.float64), (0, max(0, classes - len(counts))))
