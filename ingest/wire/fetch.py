"""One partition's part of a fetch, read as record batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from crc32c import crc32c

from ingest.errors import CorruptBatchError
from ingest.records import RecordBatch
from ingest.wire.batches import BatchHeader, BatchHeaders, Damage
from ingest.wire.codecs import Bytes, Decompressor, UnusableError
from ingest.wire.layout import (
    ATTRIBUTES_AT,
    CODEC_BITS,
    CONTROL_BIT,
    HEADER_BYTES,
    LOG_APPEND_BIT,
    SMALLEST_RECORD,
)
from ingest.wire.piece import Piece, PieceColumns
from ingest.wire.settings import ReadSettings
from ingest.wire.transactions import Transactions, marker_type

__all__ = ["Fetch", "FetchReader"]

# Larger pieces cost more: their memory comes fresh from the system, page by page.
PIECE_BYTES = 4 << 20


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
        self._decompressor = Decompressor(settings.max_batch_bytes)
        self._transactions = Transactions(fetch.aborted)
        self._rows = fetch.batches.rows()
        self._at = 0
        self._damage: Damage | None = None

    @property
    def position(self) -> int:
        """The next offset to read: before what was not read yet, or is damaged."""
        if self._at == 0:
            return self._fetch.offset
        return max(self._fetch.offset, self._rows[self._at - 1].last_offset + 1)

    @property
    def ended(self) -> bool:
        """Whether there is nothing left, not even an error."""
        return self._at == len(self._rows) and self._next_damage() is None

    def read(self, most: int) -> RecordBatch | None:
        """The next records; None where only batches without any were passed.

        Args:
            most: records to stop after, at the end of a batch.

        Raises:
            CorruptBatchError: the next batch is damaged; `position` is before it.
        """
        begin = self._at
        if self._next_damage() is None:
            piece, sources = self._gather(most)
            decoded = piece.decode(self._settings.headers)
            if decoded.bad:
                self._at = sources[decoded.bad.batch]
                self._damage = self._damaged(decoded.bad.expected, decoded.bad.got)
            if self._at > begin:
                return self._record_batch(decoded)
        if damage := self._next_damage():
            raise CorruptBatchError(self._complaint(damage))
        return None

    def _gather(self, most: int) -> tuple[Piece, list[int]]:
        """The next batches, checked and decompressed, and the number in the fetch of each."""
        piece, sources = Piece(self._array), list[int]()
        begin, rows = self._at, self._rows
        while self._at < len(rows):
            header = rows[self._at]
            full = piece.records + header.records > most or piece.size > PIECE_BYTES
            if full and self._at > begin:
                break
            try:
                if self._settings.check_crcs:
                    self._check_crc(header)
                if not self._skips(header):
                    self._add(piece, header)
                    sources.append(self._at)
            except UnusableError as error:
                self._damage = self._damaged(error.expected, error.got)
                break
            self._at += 1
        return piece, sources

    def _check_crc(self, header: BatchHeader) -> None:
        got = crc32c(self._fetch.buffer[header.start + ATTRIBUTES_AT : header.end])
        if got != header.crc:
            raise UnusableError(f"the CRC-32C {header.crc:08x}", f"{got:08x}")

    def _skips(self, header: BatchHeader) -> bool:
        producer, attributes, marker = header.producer_id, header.attributes, None
        if producer < 0 and not attributes & CONTROL_BIT:
            return False
        if self._transactions.reads_marker(attributes, producer):
            marker = marker_type(self._array, header)
            if marker is None:
                raise UnusableError("a transaction marker", "a record that is none")
        return self._transactions.skips(attributes, producer, header.last_offset, marker)

    def _add(self, piece: Piece, header: BatchHeader) -> None:
        """Add a batch to a piece.

        Raises:
            UnusableError: it is damaged.
        """
        data: Bytes = self._fetch.buffer[header.start + HEADER_BYTES : header.end]
        codec = header.attributes & CODEC_BITS
        if codec:
            data = self._decompressor.decompress(codec, memoryview(data))
        count, room = header.records, len(data)
        if not 0 <= count * SMALLEST_RECORD <= room:
            expected = f"as many records as {room} bytes may hold, {SMALLEST_RECORD} each at least"
            raise UnusableError(expected, str(count))
        appended = header.attributes & LOG_APPEND_BIT
        time = header.max_timestamp if appended else header.first_timestamp
        place, offsets = (header.start, header.end), (header.base_offset, header.last_offset)
        piece.add(data, codec > 0, (*place, count, *offsets, time, int(appended > 0)))

    def _record_batch(self, decoded: PieceColumns) -> RecordBatch | None:
        if decoded.columns.shape[1] == 0:
            return None
        topic, partition = self._fetch.topic, self._fetch.partition
        batch = RecordBatch.trusted(
            topic, partition, list(decoded.columns), decoded.buffer, decoded.headers
        )
        return batch.between(self._fetch.offset, batch.next_offset)

    def _next_damage(self) -> Damage | None:
        if self._damage is None and self._at == len(self._rows):
            return self._fetch.batches.damage
        return self._damage

    def _damaged(self, expected: str, got: str) -> Damage:
        header = self._rows[self._at]
        return Damage(header.base_offset, header.start, header.end, expected, got)

    def _complaint(self, damage: Damage) -> str:
        place = f"{self._fetch.topic}[{self._fetch.partition}]@{damage.offset}"
        return (
            f"{place}: the record batch is damaged: expected {damage.expected}, got {damage.got};"
            " if reading it again does not help, repair the partition from a replica, or go on"
            " from an offset behind the batch"
        )
