"""The headers of all record batches in one partition's part of a fetch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ingest.compiled import entry, fingerprint
from ingest.wire.layout import (
    ATTRIBUTES_AT,
    COUNT_AT,
    CRC_AT,
    FIRST_TIMESTAMP_AT,
    HEADER_BYTES,
    LARGEST,
    LAST_DELTA_AT,
    LEADER_EPOCH_AT,
    LENGTH_AT,
    LENGTH_END,
    MAGIC_AT,
    MAX_TIMESTAMP_AT,
    PRODUCER_ID_AT,
    SMALLEST_LEGACY,
    read_int,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BatchHeader", "BatchHeaders", "Damage", "scan_batches"]

FINE, LEGACY, LENGTH, MAGIC, OFFSETS = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Damage:
    """What is wrong with a batch.

    Attributes:
        offset: its base offset, as it says.
        start: its first byte.
        end: the byte behind it, as far as one can tell.
        expected: what should be there.
        got: what is there.
    """

    offset: int
    start: int
    end: int
    expected: str
    got: str


class BatchHeader(NamedTuple):
    """The header of one batch.

    Attributes:
        start: the first byte of the batch.
        end: the byte behind it.
        base_offset: the batch's; they grow from batch to batch.
        last_offset: of the last record that the batch has or had before compaction.
        leader_epoch: of the leader that appended the batch.
        crc: of the bytes from the attributes on.
        attributes: bits.
        first_timestamp: in ms.
        max_timestamp: in ms.
        producer_id: -1 for none.
        records: their number, as the header has it: not yet checked.
    """

    start: int
    end: int
    base_offset: int
    last_offset: int
    leader_epoch: int
    crc: int
    attributes: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    records: int


@dataclass(frozen=True, eq=False)
class BatchHeaders:
    """Headers of the batches that are whole, one after another.

    Attributes:
        table: int64[b, 11], a row for each, as `BatchHeader` has it.
        legacy: whether a message of format 0 or 1 follows.
        damage: what is wrong with the batch that follows, if something is.
    """

    table: NDArray[np.int64]
    legacy: bool
    damage: Damage | None

    def __len__(self) -> int:
        return len(self.table)

    def header(self, number: int) -> BatchHeader:
        """One of them."""
        return BatchHeader(*self.table[number].tolist())

    def records(self) -> int:
        """Records in all batches, as their headers have it."""
        return int(self.table[:, -1].sum())

    def last(self) -> BatchHeader:
        """The last one; there must be one."""
        return self.header(-1)


def scan_batches(buffer: NDArray[np.uint8]) -> BatchHeaders:
    """The headers in a buffer; stops at damage, at an older format, and before a cut-off batch.

    A broker may cut the last batch off where the size that was asked for ends.

    Args:
        buffer: uint8[m], read-only.
    """
    count, kind, at = _count(buffer)
    table = np.empty((count, len(BatchHeader._fields)), np.int64)
    whole = _fill(buffer, table)
    if whole < count:
        kind, at = OFFSETS, int(table[whole, 0])
    damage = _damage(buffer, kind, at) if kind in (LENGTH, MAGIC, OFFSETS) else None
    return BatchHeaders(table[:whole], kind == LEGACY, damage)


def _damage(buffer: NDArray[np.uint8], kind: int, at: int) -> Damage:
    offset, length = int(read_int(buffer, at, 8)), int(read_int(buffer, at + LENGTH_AT, 4))
    end = min(at + LENGTH_END + max(length, 0), len(buffer))
    if kind == LENGTH:
        expected, got = f"a length of at least {HEADER_BYTES - LENGTH_END} bytes", f"{length}"
    elif kind == MAGIC:
        expected, got = "format 0, 1 or 2", f"{read_int(buffer, at + MAGIC_AT, 1)}"
    else:
        last = int(read_int(buffer, at + LAST_DELTA_AT, 4))
        expected, got = "offsets that grow", f"first {offset}, last {offset} + {last}"
    return Damage(offset, at, end, expected, got)


@entry(fingerprint(__file__, "layout.py"))
def _count(buffer: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Number of whole batches of format 2, what ends them, and where."""
    at = count = 0
    while len(buffer) - at >= LENGTH_END:
        length = read_int(buffer, at + LENGTH_AT, 4)
        if at + LENGTH_END + length > len(buffer):
            break
        if length < SMALLEST_LEGACY - LENGTH_END:
            return count, LENGTH, at
        magic = read_int(buffer, at + MAGIC_AT, 1)
        if magic == 0 or magic == 1:
            return count, LEGACY, at
        if magic != 2:
            return count, MAGIC, at
        if length < HEADER_BYTES - LENGTH_END:
            return count, LENGTH, at
        at += LENGTH_END + length
        count += 1
    return count, FINE, at


@entry(fingerprint(__file__, "layout.py"))
def _fill(buffer: NDArray[np.uint8], table: NDArray[np.int64]) -> int:
    """Read the headers of whole batches; returns how many come before one with bad offsets."""
    at, before = 0, -1
    for batch in range(len(table)):
        end = at + LENGTH_END + read_int(buffer, at + LENGTH_AT, 4)
        base, delta = read_int(buffer, at, 8), read_int(buffer, at + LAST_DELTA_AT, 4)
        table[batch, 0] = at
        if base <= before or delta < 0 or base >= LARGEST - delta:
            return batch
        before = base + delta
        table[batch, 1] = end
        table[batch, 2] = base
        table[batch, 3] = before
        table[batch, 4] = read_int(buffer, at + LEADER_EPOCH_AT, 4)
        table[batch, 5] = read_int(buffer, at + CRC_AT, 4) & 0xFFFFFFFF
        table[batch, 6] = read_int(buffer, at + ATTRIBUTES_AT, 2)
        table[batch, 7] = read_int(buffer, at + FIRST_TIMESTAMP_AT, 8)
        table[batch, 8] = read_int(buffer, at + MAX_TIMESTAMP_AT, 8)
        table[batch, 9] = read_int(buffer, at + PRODUCER_ID_AT, 8)
        table[batch, 10] = read_int(buffer, at + COUNT_AT, 4)
        at = end
    return len(table)
