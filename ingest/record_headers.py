"""Headers of records as columns: names and values over the buffer of their batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import RecordBatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RecordHeaders"]

Pairs = Sequence[tuple[str, bytes | None]]
SPANS = ("name_start", "name_length", "value_start", "value_length")


@dataclass(frozen=True, eq=False)
class RecordHeaders:
    """The headers of n records, h in all, in the order of the records.

    Attributes:
        splits: int64[n + 1], record i has the headers from splits[i] to splits[i + 1].
        name_start: int64[h], first byte of each name in the buffer of the batch.
        name_length: int64[h], bytes of each name.
        value_start: int64[h], first byte of each value.
        value_length: int64[h], bytes of each value; -1 for a null.
    """

    splits: NDArray[np.int64]
    name_start: NDArray[np.int64]
    name_length: NDArray[np.int64]
    value_start: NDArray[np.int64]
    value_length: NDArray[np.int64]

    @classmethod
    def of(cls, headers: Sequence[Pairs], start: int) -> tuple[RecordHeaders, bytes]:
        """Columns of headers that are Python objects, and their bytes, which begin at `start`."""
        pairs = [pair for record in headers for pair in record]
        parts = [part for name, value in pairs for part in (name.encode(), value)]
        lengths = np.array([-1 if part is None else len(part) for part in parts], np.int64)
        starts = start + np.cumsum(np.maximum(lengths, 0)) - np.maximum(lengths, 0)
        splits = np.cumsum([0, *(len(record) for record in headers)], dtype=np.int64)
        columns = (starts[::2], lengths[::2], starts[1::2], lengths[1::2])
        return cls(splits, *columns), b"".join(part for part in parts if part)

    def check(self, records: int, size: int, place: str) -> None:
        """See that the columns fit together, a batch of `records`, and a buffer of `size` bytes.

        Raises:
            RecordBatchError: they do not.
        """
        count = len(self.name_start)
        shapes = [(self.splits, records + 1), *((getattr(self, name), count) for name in SPANS)]
        for column, length in shapes:
            if column.shape != (length,) or column.dtype != np.int64:
                raise RecordBatchError(
                    f"{place}: expected headers int64[{length}],"
                    f" got {column.dtype}{list(column.shape)}"
                )
        falls = (self.splits[1:] < self.splits[:-1]).any()
        if self.splits[0] != 0 or self.splits[-1] != count or falls:
            raise RecordBatchError(f"{place}: expected splits of headers from 0 to {count}")
        inside = (self.name_start >= 0) & (self.name_length >= 0)
        inside &= self.name_start <= size - self.name_length
        value = (self.value_start >= 0) & (self.value_length >= 0)
        value &= self.value_start <= size - self.value_length
        if not (inside & (value | (self.value_length == -1))).all():
            raise RecordBatchError(f"{place}: a header lies outside the buffer")

    def record(self, index: int, buffer: NDArray[np.uint8]) -> list[tuple[str, bytes | None]]:
        """The headers of a record; a name that is no UTF-8 gets replacement characters."""
        found: list[tuple[str, bytes | None]] = []
        for at in range(int(self.splits[index]), int(self.splits[index + 1])):
            start, length = self.name_start[at], self.name_length[at]
            name = buffer[start : start + length].tobytes().decode(errors="replace")
            start, length = self.value_start[at], self.value_length[at]
            found.append((name, None if length < 0 else buffer[start : start + length].tobytes()))
        return found

    def take(self, indices: NDArray[np.int64]) -> RecordHeaders:
        """The headers of the records at some indices."""
        counts = np.diff(self.splits)[indices]
        splits = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        places = np.arange(splits[-1]) + np.repeat(self.splits[indices] - splits[:-1], counts)
        return RecordHeaders(splits, *(getattr(self, name)[places] for name in SPANS))
