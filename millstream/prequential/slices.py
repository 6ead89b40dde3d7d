"""The slices of rows: by the values of a category or a bool, or by the quantiles of a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Field, Rows, Schema, Statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["UNKNOWN", "edges_of", "groups_of"]

UNKNOWN = "(unknown)"
"""The value of a category that is not in the vocabulary."""


def groups_of(
    names: Sequence[str], rows: Rows, schema: Schema, statistics: Statistics, bins: int
) -> dict[str, NDArray[np.str_]]:
    """By feature the value that each row has there, as a text; see `trainer.slice_scores`.

    Args:
        names: of the features.
        rows: with codes for words.
        schema: with the words of these codes.
        statistics: of the numbers. Their quantiles are the edges of the bins "q1", "q2" and so on;
            as long as no row was seen there are no bins, and such a feature is left out.
        bins: of a number.
    """
    fields = {field.name: field for field in schema.features}
    found = {}
    for name in names:
        column: NDArray[Any] = rows.features(schema)[name]
        field = fields[name]
        if field.dtype == "category":
            found[name] = _words(field)[column]
        elif field.dtype == "bool":
            found[name] = np.array(["false", "true"])[column.astype(np.int64)]
        elif statistics.rows:
            places = np.searchsorted(edges_of(name, statistics, bins), column, side="left")
            found[name] = np.array([f"q{number}" for number in range(1, bins + 1)])[places]
    return found


def edges_of(name: str, statistics: Statistics, bins: int) -> NDArray[np.float64]:
    """float64[bins - 1]: the largest number of each bin of a feature but the last one's."""
    return statistics.quantile(name, np.arange(1, bins) / bins)


def _words(field: Field) -> NDArray[np.str_]:
    """The text of each code, from 0 on."""
    if field.buckets:
        return np.array([UNKNOWN, *(f"bucket {number}" for number in range(1, field.buckets + 1))])
    return np.array([UNKNOWN, *field.vocabulary])
