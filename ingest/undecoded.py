"""Records that could enter a sample and were not decoded yet, copied out of their fetches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.records import RecordBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Undecoded"]

Part = tuple[RecordBatch, "NDArray[np.int8]"]


class Undecoded:
    """Keeps records, with their sides, until `take`; memory is theirs, not that of their fetches.

    The bytes of all of them lie in one buffer, which is used again: fresh memory is dear.

    Args:
        records: it is full with so many,
        size: or with so many bytes of keys and values.
    """

    def __init__(self, records: int, size: int) -> None:
        self._most_records = records
        self._most_bytes = size
        self._buffer = np.empty(0, np.uint8)
        self._empty()

    def _empty(self) -> None:
        self._waiting: dict[tuple[str, int], list[tuple[NDArray[np.int64], NDArray[np.int8]]]] = {}
        self._records = self._bytes = 0

    def __len__(self) -> int:
        return self._records

    @property
    def is_full(self) -> bool:
        """Whether `take` is due."""
        return self._records >= self._most_records or self._bytes >= self._most_bytes

    def add(self, batch: RecordBatch, rows: NDArray[np.int64], sides: NDArray[np.int8]) -> None:
        """Copy some records, without their headers; those of a partition come in order.

        Args:
            batch: that they lie in.
            rows: int64[k], growing indices of them.
            sides: int8[k], theirs.
        """
        from ingest.gather import copy_records, size_of_records  # numba is slow to import

        begin, self._bytes = self._bytes, self._bytes + size_of_records(batch, rows)
        if self._bytes > len(self._buffer):
            # What is not written to takes no memory.
            larger = np.empty(max(self._bytes, 2 * self._most_bytes), np.uint8)
            larger[:begin] = self._buffer[:begin]
            self._buffer = larger
        columns = copy_records(batch, rows, self._buffer, begin)
        place = (batch.topic, batch.partition)
        self._waiting.setdefault(place, []).append((columns, sides))
        self._records += len(rows)

    def take(self) -> list[Part]:
        """All that waits, a batch for each partition with the sides of its records.

        The batches are good until the next `add`.
        """
        found, buffer = [], self._buffer[: self._bytes]
        buffer.flags.writeable = False  # as that of a fetch: decoders are compiled for one type
        for (topic, partition), parts in sorted(self._waiting.items(), key=lambda item: item[0]):
            columns = np.concatenate([columns for columns, _ in parts], axis=1)
            batch = RecordBatch.trusted(topic, partition, list(columns), buffer)
            found.append((batch, np.concatenate([sides for _, sides in parts])))
        if len(self._buffer) > 2 * self._most_bytes:
            self._buffer = np.empty(0, np.uint8)
        self._empty()
        return found
