"""What any model must beat: the class frequencies so far, and "as the last one was".

Test, then train: `predict_*` for the rows of a round use the state before the round (no-change
also the labels of earlier rows in it, which is its definition), then `update` takes the rows in.
The state is a value that goes into the round's checkpoint, so a replay repeats the scores.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from trainer.errors import MetricError
from trainer.metrics import Task, score


@dataclass(frozen=True)
class BaselineState:
    """What the baselines have seen.

    Attributes:
        task: "binary", "multiclass" or "regression".
        counts: Weight seen per class (empty for regression).
        total: Weighted sum of the labels (regression).
        weight: Weight of all rows seen.
        last: The latest label; None before the first row.
    """

    task: Task
    counts: tuple[float, ...]
    total: float = 0.0
    weight: float = 0.0
    last: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON types."""
        return {**asdict(self), "counts": list(self.counts)}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "BaselineState":
        """Return the state that `to_json` gave.

        Raises:
            MetricError: A key is missing or unknown.
        """
        expected = set(cls.__dataclass_fields__)
        if set(state) != expected:
            raise MetricError(
                "baseline state",
                expected=", ".join(sorted(expected)),
                got=", ".join(sorted(state)),
                mend="start from a fresh state",
            )
        return cls(**{**state, "counts": tuple(state["counts"])})


def initial_state(task: Task, classes: int = 2) -> BaselineState:
    """Return the state before the first row; `classes` counts for classification."""
    return BaselineState(task, () if task == "regression" else (0.0,) * classes)


def predict_majority(state: BaselineState, rows: int) -> np.ndarray:
    """Return the class frequencies so far (each class counted once more), or the mean so far.

    Returns:
        float64 [n] (binary: of class 1; regression: the mean, 0 at first), or [n, c]. The class
        with the highest frequency is the majority class.
    """
    if state.task == "regression":
        return np.full(rows, state.total / state.weight if state.weight > 0 else 0.0)
    counts = np.asarray(state.counts) + 1.0
    frequencies = counts / counts.sum()
    if state.task == "binary":
        return np.full(rows, frequencies[1])
    return np.tile(frequencies, (rows, 1))


def predict_no_change(state: BaselineState, labels: np.ndarray) -> np.ndarray:
    """Return for each row the label of the row before it.

    Args:
        state: Gives the label before the first row; without one the first row is as
            `predict_majority` says.
        labels: [n] in time order.

    Returns:
        float64 [n], or [n, c] with a single 1 a row for multiclass.
    """
    predictions = predict_majority(state, len(labels))
    previous = np.concatenate([[np.nan if state.last is None else state.last], labels[:-1]])
    known = ~np.isnan(previous[: len(labels)])
    seen = previous[: len(labels)][known]
    if state.task == "multiclass":
        predictions[known] = np.eye(len(state.counts))[seen.astype(np.int64)]
    else:
        predictions[known] = seen
    return predictions


def update(
    state: BaselineState, labels: np.ndarray, weights: np.ndarray | None = None
) -> BaselineState:
    """Return the state after rows with these labels [n], in time order, and weights [n]."""
    if len(labels) == 0:
        return state
    weight = np.ones(len(labels)) if weights is None else np.asarray(weights, np.float64)
    values = np.asarray(labels, np.float64)
    new = replace(state, weight=state.weight + float(weight.sum()), last=float(values[-1]))
    if state.task == "regression":
        return replace(new, total=state.total + float((values * weight).sum()))
    seen = np.bincount(values.astype(np.int64), weight, minlength=len(state.counts))
    return replace(
        new, counts=tuple(float(old + more) for old, more in zip(state.counts, seen, strict=True))
    )


def score_baselines(
    state: BaselineState, labels: np.ndarray, weights: np.ndarray | None = None
) -> tuple[dict[str, dict[str, float]], BaselineState]:
    """Score both baselines on the rows, then take the rows in.

    Args:
        state: The state before the rows.
        labels: [n] in time order.
        weights: [n], or None.

    Returns:
        ({"majority_class": metrics, "no_change": metrics}, the state after the rows).
    """
    majority = predict_majority(state, len(labels))
    unchanged = predict_no_change(state, labels)
    scores = {
        "majority_class": score(state.task, labels, majority, weights),
        "no_change": score(state.task, labels, unchanged, weights),
    }
    return scores, update(state, labels, weights)
