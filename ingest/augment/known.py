"""What is known of a feature: by the statistics of the stream, else by the rows of the round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.augment.augmentation import Context
from ingest.field import Field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingest.statistics import Statistics

__all__ = ["code_counts", "deviation", "mean"]


def mean(context: Context, field: Field) -> NDArray[np.float64]:
    """Of a number, in the shape of a row or () for all of its places; 0 of no rows."""
    statistics, column = _seen(context), context.features[field.name]
    if statistics is not None:
        return statistics.mean(field.name)
    return column.mean(0, np.float64) if len(column) else np.zeros(field.shape)


def deviation(context: Context, field: Field) -> NDArray[np.float64]:
    """The standard deviation of a number, as `mean` has it."""
    statistics, column = _seen(context), context.features[field.name]
    if statistics is not None:
        return statistics.std(field.name)
    return column.std(0, np.float64) if len(column) else np.zeros(field.shape)


def code_counts(context: Context, field: Field) -> NDArray[np.float64]:
    """float64[cardinality]: what the rows with each code of a category (or bool) weigh."""
    statistics = _seen(context)
    if statistics is not None:
        return statistics.counts(field.name)
    column = context.features[field.name].reshape(-1)
    return np.bincount(column, minlength=field.cardinality or 2).astype(np.float64)


def _seen(context: Context) -> Statistics | None:
    statistics = context.statistics
    return statistics if statistics is not None and statistics.weight > 0 else None
