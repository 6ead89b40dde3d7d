"""Scores by slice: how well a model does where a field has a certain value.

A mean over all rows hides what is rare. A slice is the rows of one value of one grouping; each is
scored by itself, with the task's metrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.errors import MetricError
from trainer.metrics import Task, score

__all__ = ["OTHERS", "SliceScore", "SliceSettings", "slice_scores"]

OTHERS = "(others)"
"""The slice of all rows of a grouping whose value has no slice of its own."""


@dataclass(frozen=True)
class SliceSettings:
    """Which values have a slice.

    Attributes:
        most: The values with the most rows, at most so many by grouping; those of fewer rows are
            scored together, as `OTHERS`.
        least_rows: Slices of fewer rows have no metrics, as those would be chance.
    """

    most: int = 10
    least_rows: int = 30


@dataclass(frozen=True)
class SliceScore:
    """One slice.

    Attributes:
        rows: How many it has.
        metrics: As `score` gives them; empty if there are too few rows.
    """

    rows: int
    metrics: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return rows and metrics side by side, as JSON types."""
        return {"rows": self.rows, **self.metrics}


def slice_scores(
    task: Task,
    labels: np.ndarray,
    predictions: np.ndarray,
    weights: np.ndarray | None,
    groups: Mapping[str, np.ndarray],
    settings: SliceSettings = SliceSettings(),
) -> dict[str, dict[str, SliceScore]]:
    """Score predictions by slice.

    Which slices there are depends on the groups alone, so two models that are scored on the same
    rows have the same slices.

    Args:
        task: "binary", "multiclass" or "regression".
        labels: [n], as `score` takes them.
        predictions: [n], [n, 1] or [n, c], as `score` takes them.
        weights: [n], or None for all 1.
        groups: By grouping (such as a field's name) each row's value, texts [n].
        settings: Which values have a slice.

    Returns:
        Grouping -> value -> its slice: those with the most rows first, ties by value; `OTHERS`,
        if there are any, last.

    Raises:
        MetricError: Labels or predictions are not what the task needs, or a grouping has another
            number of rows.
    """
    found: dict[str, dict[str, SliceScore]] = {}
    for name, values in groups.items():
        if np.shape(values) != (len(labels),):
            raise MetricError(
                f'slices of "{name}"',
                expected=f"a value for each of the {len(labels)} rows",
                got=f"an array of shape {list(np.shape(values))}",
                mend="group the rows that are scored",
            )
        found[name] = {}
        for value, mask in _slices(np.asarray(values), settings.most):
            rows = int(mask.sum())
            metrics: dict[str, float] = {}
            if rows >= settings.least_rows:
                own = None if weights is None else np.asarray(weights)[mask]
                metrics = score(task, np.asarray(labels)[mask], np.asarray(predictions)[mask], own)
            found[name][value] = SliceScore(rows, metrics)
    return found


def _slices(values: np.ndarray, most: int) -> list[tuple[str, np.ndarray]]:
    """Value and mask [n] of each slice."""
    names, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    by_rows = np.argsort(-counts, kind="stable")
    largest = by_rows[:most]
    slices = [(str(names[code]), codes == code) for code in largest]
    rest = ~np.isin(codes, largest)
    return [*slices, (OTHERS, rest)] if rest.any() else slices
