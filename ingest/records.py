"""Records as columns: spans of keys and values over one byte buffer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import RecordBatchError
from ingest.record_headers import Pairs, RecordHeaders

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RecordBatch"]

COLUMNS = ("offsets", "timestamps", "key_start", "key_length", "value_start", "value_length")


@dataclass(frozen=True, eq=False)
class RecordBatch:
    """At least one record of one partition, in the order of their offsets.

    Offsets grow but need not be consecutive: compaction and transactions leave holes. The buffer
    may be that of a whole fetch: who keeps a few records for long copies them.

    Attributes:
        topic: of all records.
        partition: of all records.
        offsets: int64[n], strictly growing.
        timestamps: int64[n], milliseconds since the epoch; -1 when a record has none.
        key_start: int64[n], first byte of each key in `buffer`.
        key_length: int64[n], bytes of each key; -1 for a null.
        value_start: int64[n], first byte of each value in `buffer`.
        value_length: int64[n], bytes of each value; -1 for a null.
        buffer: uint8[m], the bytes.
        header_columns: of the records, over the same buffer; None when they were not asked for.

    Raises:
        RecordBatchError: the columns do not fit together, or a span leaves the buffer.
    """

    topic: str
    partition: int
    offsets: NDArray[np.int64]
    timestamps: NDArray[np.int64]
    key_start: NDArray[np.int64]
    key_length: NDArray[np.int64]
    value_start: NDArray[np.int64]
    value_length: NDArray[np.int64]
    buffer: NDArray[np.uint8]
    header_columns: RecordHeaders | None = None

    def __post_init__(self) -> None:
        place = f"record batch of {self.topic}[{self.partition}]"
        if self.buffer.ndim != 1 or self.buffer.dtype != np.uint8:
            raise RecordBatchError(f"{place}: expected a buffer of uint8[m]")
        if len(self.offsets) == 0:
            raise RecordBatchError(f"{place}: expected at least one record")
        for name in COLUMNS:
            column = getattr(self, name)
            if column.shape != (len(self.offsets),) or column.dtype != np.int64:
                raise RecordBatchError(
                    f"{place}: expected {name} int64[{len(self.offsets)}],"
                    f" got {column.dtype}{list(column.shape)}"
                )
        if self.offsets[0] < 0 or (self.offsets[1:] <= self.offsets[:-1]).any():
            raise RecordBatchError(f"{place}: expected offsets that grow from at least 0")
        for name, start, length in (
            ("key", self.key_start, self.key_length),
            ("value", self.value_start, self.value_length),
        ):
            inside = (start >= 0) & (length >= -1) & (start <= len(self.buffer) - length)
            if not (inside | (length == -1)).all():
                raise RecordBatchError(f"{place}: a {name} lies outside the buffer")
        if self.header_columns is not None:
            self.header_columns.check(len(self.offsets), len(self.buffer), place)

    @classmethod
    def trusted(
        cls,
        topic: str,
        partition: int,
        columns: Sequence[NDArray[np.int64]],
        buffer: NDArray[np.uint8],
        header_columns: RecordHeaders | None = None,
    ) -> RecordBatch:
        """A batch of columns, in the order above, that are known to fit: they are not looked at."""
        batch = object.__new__(cls)
        values = (topic, partition, *columns, buffer, header_columns)
        for name, value in zip(cls.__dataclass_fields__, values, strict=True):
            object.__setattr__(batch, name, value)
        return batch

    @classmethod
    def of(
        cls,
        topic: str,
        partition: int,
        offsets: Sequence[int],
        values: Sequence[bytes | None],
        *,
        keys: Sequence[bytes | None] | None = None,
        timestamps: Sequence[int] | None = None,
        headers: Sequence[Pairs] | None = None,
    ) -> RecordBatch:
        """A batch of records that are Python objects; keys are null, timestamps -1, by default."""
        parts = [*(keys or [None] * len(values)), *values]
        lengths = np.array([-1 if part is None else len(part) for part in parts], np.int64)
        starts = np.cumsum(np.maximum(lengths, 0)) - np.maximum(lengths, 0)
        key, value = slice(0, len(values)), slice(len(values), None)
        data, columns = b"".join(part for part in parts if part), None
        if headers is not None:
            columns, more = RecordHeaders.of(headers, len(data))
            data += more
        return cls(
            topic=topic,
            partition=partition,
            offsets=np.array(offsets, np.int64),
            timestamps=np.array(timestamps or [-1] * len(values), np.int64),
            key_start=starts[key],
            key_length=lengths[key],
            value_start=starts[value],
            value_length=lengths[value],
            buffer=np.frombuffer(data, np.uint8),
            header_columns=columns,
        )

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def next_offset(self) -> int:
        """The position after the batch."""
        return int(self.offsets[-1]) + 1

    def key(self, index: int) -> bytes | None:
        """The key of a record; None for a null."""
        return _span(self.buffer, self.key_start[index], self.key_length[index])

    def value(self, index: int) -> bytes | None:
        """The value of a record; None for a null."""
        return _span(self.buffer, self.value_start[index], self.value_length[index])

    def headers(self, index: int) -> list[tuple[str, bytes | None]]:
        """The headers of a record: names, which may repeat, and values, None for a null.

        Raises:
            RecordBatchError: they were not asked for.
        """
        if self.header_columns is None:
            raise RecordBatchError(
                f"record batch of {self.topic}[{self.partition}]: it has no headers; open its"
                " source with headers=True"
            )
        return self.header_columns.record(index, self.buffer)

    def take(self, indices: NDArray[np.int64]) -> RecordBatch | None:
        """The records at growing indices, over the same buffer; None when there are none."""
        if len(indices) == 0:
            return None
        if len(indices) == len(self):
            return self
        columns = {name: getattr(self, name)[indices] for name in COLUMNS}
        headers = self.header_columns and self.header_columns.take(indices)
        return RecordBatch(
            self.topic, self.partition, **columns, buffer=self.buffer, header_columns=headers
        )

    def between(self, start: int, end: int) -> RecordBatch | None:
        """The records with offsets in `[start, end)`; None when there are none."""
        low, high = np.searchsorted(self.offsets, [start, end])
        if low == 0 and high == len(self):
            return self
        if low >= high:
            return None
        columns = [getattr(self, name)[low:high] for name in COLUMNS]
        headers = self.header_columns and self.header_columns.take(np.arange(low, high))
        return RecordBatch.trusted(self.topic, self.partition, columns, self.buffer, headers)


def _span(buffer: NDArray[np.uint8], start: np.int64, length: np.int64) -> bytes | None:
    return None if length < 0 else buffer[start : start + length].tobytes()
