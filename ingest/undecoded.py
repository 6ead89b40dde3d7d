"""Records that could enter a sample and were not decoded yet, copied out of their fetches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.records import RecordBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Undecoded"]

Part = tuple[RecordBatch, "NDArray[np.int8]"]
SPANS = ("key_start", "key_length", "value_start", "value_length")


@dataclass
class Waiting:
    """What waits of one partition: record batches in order, and the side of each record."""

    batches: list[RecordBatch]
    sides: list[NDArray[np.int8]]


class Undecoded:
    """Keeps records, with their sides, until `take`; memory is theirs, not that of their fetches.

    Args:
        records: it is full with so many,
        size: or with so many bytes of keys and values.
    """

    def __init__(self, records: int, size: int) -> None:
        self._most_records = records
        self._most_bytes = size
        self._empty()

    def _empty(self) -> None:
        self._waiting: dict[tuple[str, int], Waiting] = {}
        self._records = self._bytes = 0

    def __len__(self) -> int:
        return self._records

    @property
    def is_full(self) -> bool:
        """Whether `take` is due."""
        return self._records >= self._most_records or self._bytes >= self._most_bytes

    def add(self, batch: RecordBatch, sides: NDArray[np.int8]) -> None:
        """Copy some records, without their headers; those of a partition come in order."""
        copied = _compact(batch)
        waiting = self._waiting.setdefault((batch.topic, batch.partition), Waiting([], []))
        waiting.batches.append(copied)
        waiting.sides.append(sides)
        self._records += len(copied)
        self._bytes += len(copied.buffer)

    def take(self) -> list[Part]:
        """All that waits, a batch for each partition with the sides of its records."""
        waiting = [self._waiting[place] for place in sorted(self._waiting)]
        self._empty()
        return [(_joined(part.batches), np.concatenate(part.sides)) for part in waiting]


def _compact(batch: RecordBatch) -> RecordBatch:
    """The records over a buffer that has nothing else."""
    from ingest.formats.gather import gather_spans

    key_length, value_length = batch.key_length, batch.value_length
    starts = np.concatenate([batch.key_start, batch.value_start])
    lengths = np.maximum(np.concatenate([key_length, value_length]), 0)
    copied = gather_spans(batch.buffer, starts, lengths)
    count = len(batch)
    columns = [
        *(batch.offsets.copy(), batch.timestamps.copy()),
        *(copied.splits[:count], key_length.copy()),
        *(copied.splits[count : 2 * count], value_length.copy()),
    ]
    return RecordBatch.trusted(batch.topic, batch.partition, columns, copied.values)


def _joined(batches: list[RecordBatch]) -> RecordBatch:
    """One batch of compact ones of a partition, in their order."""
    sizes = [len(batch.buffer) for batch in batches]
    first = np.repeat(np.cumsum(sizes) - sizes, [len(batch) for batch in batches])
    columns = [
        np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("offsets", "timestamps", *SPANS)
    ]
    columns[2] += first
    columns[4] += first
    buffer = np.concatenate([batch.buffer for batch in batches])
    return RecordBatch.trusted(batches[0].topic, batches[0].partition, columns, buffer)
