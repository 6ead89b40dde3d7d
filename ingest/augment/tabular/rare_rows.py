"""The rows of rare classes and their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.augment.augmentation import Context
from ingest.augment.known import deviation
from ingest.augment.tabular.neighbours import nearest_neighbours
from ingest.field import Field

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RareRows", "rare_rows"]


@dataclass(frozen=True, eq=False)
class RareRows:
    """The rows of some classes that have at least two rows.

    Attributes:
        rows: int64 [m], places among the rows of the round.
        slots: int32 [n], the place of each row of the round among these m; -1 for the others.
        near: int32 [m, k], the nearest rows of the same class, as places among these m.
        counts: int32 [m], how many of the k are there, from 1.
    """

    rows: NDArray[np.int64]
    slots: NDArray[np.int32]
    near: NDArray[np.int32]
    counts: NDArray[np.int32]


def rare_rows(
    context: Context, labels: NDArray[Any], floats: Sequence[Field], neighbours: int
) -> RareRows:
    """Find the neighbours of the rows of some classes.

    Args:
        context: of the round.
        labels: of the classes.
        floats: features by which rows are near, each in units of its standard deviation.
        neighbours: of each row at most.
    """
    classes = [np.flatnonzero(context.label == label) for label in np.unique(labels)]
    classes = [rows for rows in classes if len(rows) > 1]
    rows = np.concatenate([np.zeros(0, np.int64), *classes])
    slots = np.full(len(context.label), -1, np.int32)
    slots[rows] = np.arange(len(rows), dtype=np.int32)
    near = np.zeros((len(rows), neighbours), np.int32)
    counts = np.zeros(len(rows), np.int32)
    begin = 0
    for members in classes:
        found = nearest_neighbours(_points(context, floats, members), neighbours)
        end = begin + len(members)
        near[begin:end, : found.shape[1]] = begin + found
        counts[begin:end] = found.shape[1]
        begin = end
    return RareRows(rows, slots, near, counts)


def _points(
    context: Context, floats: Sequence[Field], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    parts = []
    for field in floats:
        scale = deviation(context, field)
        values = context.features[field.name][rows].astype(np.float64)
        centred = values - values.mean(0)
        parts.append((centred / np.where(scale > 0, scale, 1)).reshape(len(rows), -1))
    return np.concatenate(parts, axis=1)
