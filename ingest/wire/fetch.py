"""One partition's part of a fetch, read as record batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import CorruptBatchError
from ingest.records import RecordBatch
from ingest.wire.batches import BatchHeaders, Damage
from ingest.wire.piece import PieceColumns, decode_piece
from ingest.wire.settings import ReadSettings
from ingest.wire.unpack import PIECE_BYTES, Unpacker
from ingest.wire.vetting import Vetting

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Fetch", "FetchReader"]

START, END, LAST, RECORDS = 0, 1, 3, 10


@dataclass(frozen=True, eq=False)
class Fetch:
    """What a broker sent of one partition.

    Attributes:
        topic: of all records.
        partition: of all records.
        offset: that was asked for; records before it are left out.
        buffer: the bytes, read-only.
        batches: their headers.
        aborted: see `Transactions`.
    """

    topic: str
    partition: int
    offset: int
    buffer: memoryview
    batches: BatchHeaders
    aborted: Sequence[tuple[int, int]] | None = None


class FetchReader:
    """Reads a fetch piece by piece, so that memory is bounded by a piece, not by the fetch.

    A piece is decoded in one call; it may be as large as one of Kafka's batches. Where nothing is
    compressed its record batch lies over the buffer of the fetch, without a copy.

    Guarantee: every record that kafka-python gives, in order, with the same columns; or an error
    at the first batch that is not as the format says, after the records of all batches before it.
    """

    def __init__(self, fetch: Fetch, settings: ReadSettings) -> None:
        self._fetch = fetch
        self._settings = settings
        self._array = np.frombuffer(fetch.buffer, np.uint8)
        self._table = fetch.batches.table
        self._unpacker = Unpacker(self._array, self._table, settings.max_batch_bytes)
        self._vetting = Vetting(fetch.buffer, fetch.batches, fetch.aborted, settings.check_crcs)
        self._at = 0
        self._end = len(self._table)
        self._damage = fetch.batches.damage

    @property
    def position(self) -> int:
        """The next offset to read: before what was not read yet, or is damaged."""
        if self._at == 0:
            return self._fetch.offset
        return max(self._fetch.offset, int(self._table[self._at - 1, LAST]) + 1)

    @property
    def ended(self) -> bool:
        """Whether there is nothing left, not even an error."""
        return self._at == self._end and self._damage is None

    def read(self, most: int) -> RecordBatch | None:
        """The next records; None where only batches without any were passed.

        Args:
            most: records to stop after, at the end of a batch.

        Raises:
            CorruptBatchError: the next batch is damaged; `position` is before it.
        """
        begin = self._at
        if begin < self._end:
            batches, stop = self._next(most)
            unpacked = self._unpacker.unpack(batches)
            count = unpacked.plan.shape[1]
            decoded = decode_piece(unpacked.buffer, unpacked.plan, self._settings.headers)
            if decoded.bad:
                count = decoded.bad.batch
                self._end_before(int(batches[count]), decoded.bad.expected, decoded.bad.got)
            elif error := unpacked.error:
                self._end_before(int(batches[count]), error.expected, error.got)
            self._at = int(batches[count]) if count < len(batches) else stop
            if self._at > begin:
                return self._record_batch(decoded)
        if self._damage:
            raise CorruptBatchError(self._complaint(self._damage))
        return None

    def _next(self, most: int) -> tuple[NDArray[np.int64], int]:
        """The batches to read next that have something for a reader, and where the next begin."""
        begin, stop = self._at, self._end
        table = self._table[begin:stop]
        within = np.cumsum(np.maximum(table[:, RECORDS], 0)) <= most
        within &= table[:, END] - table[0, START] <= PIECE_BYTES
        stop = begin + max(1, int(np.count_nonzero(within)))
        if error := self._vetting.vet(stop):
            stop = self._vetting.done
            self._end_before(stop, error.expected, error.got)
        return begin + np.flatnonzero(self._vetting.kept[begin:stop]), stop

    def _end_before(self, batch: int, expected: str, got: str) -> None:
        header = self._fetch.batches.header(batch)
        self._end = batch
        self._damage = Damage(header.base_offset, header.start, header.end, expected, got)

    def _record_batch(self, decoded: PieceColumns) -> RecordBatch | None:
        if decoded.columns.shape[1] == 0:
            return None
        topic, partition = self._fetch.topic, self._fetch.partition
        batch = RecordBatch.trusted(
            topic, partition, list(decoded.columns), decoded.buffer, decoded.headers
        )
        return batch.between(self._fetch.offset, batch.next_offset)

    def _complaint(self, damage: Damage) -> str:
        place = f"{self._fetch.topic}[{self._fetch.partition}]@{damage.offset}"
        return (
            f"{place}: the record batch is damaged: expected {damage.expected}, got {damage.got};"
            " if reading it again does not help, repair the partition from a replica, or go on"
            " from an offset behind the batch"
        )
