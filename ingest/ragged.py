"""Columns whose rows differ in length: lists of numbers, texts and other bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ingest.errors import RowsError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["Column", "Ragged", "concat_columns", "take_rows"]


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths, one behind another, as Arrow and `tf.RaggedTensor` keep them.

    A text is a row of bytes (uint8), in UTF-8 if the field is a string.

    Attributes:
        values: [m], all rows' values.
        splits: int64[n + 1], from 0 to m, never shrinking; row i is the values
            from `splits[i]` to `splits[i + 1]`.

    Raises:
        RowsError: the splits do not cut the values.
    """

    values: NDArray[Any]
    splits: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or self.splits.ndim != 1 or self.splits.dtype != np.int64:
            raise RowsError("ragged: expected values[m] and splits of int64[n + 1]")
        if not len(self.splits) or self.splits[0] != 0 or self.splits[-1] != len(self.values):
            raise RowsError("ragged: expected splits from 0 to the number of values")
        if (np.diff(self.splits) < 0).any():
            raise RowsError("ragged: expected splits that never shrink")

    def __len__(self) -> int:
        return len(self.splits) - 1

    def __eq__(self, other: object) -> bool:
        """Same dtype, same rows."""
        if not isinstance(other, Ragged):
            return NotImplemented
        return (
            self.dtype == other.dtype
            and np.array_equal(self.splits, other.splits)
            and np.array_equal(self.values, other.values)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self.values.dtype

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64[n], values of each row."""
        return np.diff(self.splits)

    @classmethod
    def of(cls, rows: Sequence[ArrayLike | bytes], dtype: DTypeLike) -> Ragged:
        """From rows that are Python objects; bytes become uint8."""
        arrays = [
            np.frombuffer(row, np.uint8) if isinstance(row, bytes) else np.asarray(row, dtype)
            for row in rows
        ]
        values = np.concatenate(arrays) if arrays else np.empty(0, dtype)
        lengths = [len(array) for array in arrays]
        return cls.from_lengths(values.astype(dtype, copy=False), lengths)

    @classmethod
    def from_lengths(cls, values: NDArray[Any], lengths: ArrayLike) -> Ragged:
        """From the values of all rows, and how many each row has."""
        return cls(values, splits_of(lengths))

    def row(self, index: int) -> NDArray[Any]:
        """The values of one row."""
        return self.values[self.splits[index] : self.splits[index + 1]]

    def texts(self) -> list[bytes]:
        """The rows as bytes; a Python object each, so not for hot paths."""
        whole = self.values.tobytes()
        width = self.values.itemsize
        cuts = (self.splits * width).tolist()
        return [whole[begin:end] for begin, end in pairwise(cuts)]

    def take(self, indices: ArrayLike) -> Ragged:
        """The rows at `indices` (integers or a mask), copied."""
        from ingest.gather import copy_spans  # numba is slow to import

        wanted = np.asarray(indices)
        chosen = wanted if wanted.size else wanted.astype(np.intp)
        starts, lengths = self.splits[:-1][chosen], self.lengths[chosen]
        splits, width = splits_of(lengths), self.values.itemsize
        bytes_of = np.ascontiguousarray(self.values).view(np.uint8)
        found = copy_spans(bytes_of, starts * width, splits * width)
        return Ragged(found.view(self.dtype), splits)


def splits_of(lengths: ArrayLike) -> NDArray[np.int64]:
    """int64[n + 1], where rows begin and end that have these lengths and lie end to end."""
    sizes = np.asarray(lengths, np.int64)
    splits = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=splits[1:])
    return splits


Column: TypeAlias = "NDArray[Any] | Ragged"


def take_rows(column: Column, indices: ArrayLike) -> Column:
    """The rows of a column at `indices` (integers or a mask), copied."""
    return column.take(indices) if isinstance(column, Ragged) else column[np.asarray(indices)]


def concat_columns(parts: Sequence[Column]) -> Column:
    """All rows of some parts of a column, in their order.

    Raises:
        RowsError: there are no parts, or some are ragged and others are not.
    """
    ragged = [part for part in parts if isinstance(part, Ragged)]
    plain = [part for part in parts if not isinstance(part, Ragged)]
    if plain and not ragged:
        return np.concatenate(plain)
    if plain or not ragged:
        raise RowsError("rows: expected at least one part, all ragged or none")
    values = np.concatenate([part.values for part in ragged])
    return Ragged.from_lengths(values, np.concatenate([part.lengths for part in ragged]))
