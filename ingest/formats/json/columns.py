"""What the compiled JSON parser has written, as columns in their fields' dtypes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.field import Field
from ingest.formats.values import default_value
from ingest.ragged import Column, Ragged, splits_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["JsonColumns"]


@dataclass(frozen=True, eq=False)
class JsonColumns:
    """A batch as the parser leaves it; `plan.Plan` says what is where.

    Attributes:
        buffer: of the batch.
        values: int64[c, n]; a row that was not taken holds anything.
        pool: int64[m], elements of ragged lists.
        taken: bool[n].
    """

    buffer: NDArray[np.uint8]
    values: NDArray[np.int64]
    pool: NDArray[np.int64]
    taken: NDArray[np.bool_]

    def column(self, field: Field, first: int) -> Column:
        """The rows that were taken of a field whose columns begin at `first`."""
        if field.is_ragged:
            spans = self.values[first : first + 2, self.taken]
            return self._texts(field, spans) if field.is_text else self._lists(field, spans)
        values = self.values[first]
        if field.shape:
            values = self.values[first : first + field.shape[0]]
        return _typed(field, values.T if self.whole else values[..., self.taken].T)

    @cached_property
    def whole(self) -> bool:
        """Whether all rows were taken."""
        return bool(self.taken.all())

    def _texts(self, field: Field, spans: NDArray[np.int64]) -> Ragged:
        from ingest.formats.json.strings import copy_texts  # numba is slow to import

        text = b"" if field.default is None else default_value(field)
        default = np.frombuffer(text, np.uint8)
        start, size = spans
        room = np.where(start < 0, len(default), np.maximum(size, ~size)).sum()
        values, splits = np.empty(int(room), np.uint8), np.empty(len(start) + 1, np.int64)
        used = copy_texts(self.buffer, spans, default, values, splits)
        return Ragged(values[:used], splits)

    def _lists(self, field: Field, spans: NDArray[np.int64]) -> Ragged:
        from ingest.gather import copy_spans  # numba is slow to import

        start, size = spans
        splits = splits_of(size)
        if np.array_equal(start, splits[:-1]):
            return Ragged(_typed(field, self.pool[: splits[-1]]), splits)
        bits = copy_spans(self.pool.view(np.uint8), 8 * start, 8 * splits).view(np.int64)
        return Ragged(_typed(field, bits), splits)


def _typed(field: Field, values: NDArray[np.int64]) -> NDArray[Any]:
    """Numbers of the parser as a contiguous copy in the field's dtype."""
    if field.numpy_dtype.kind == "f":
        return values.view(np.float64).astype(field.numpy_dtype, order="C")
    return values.astype(field.numpy_dtype, order="C")
