"""The headers of all record batches in one partition's part of a fetch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np

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

__all__ = ["BatchHeaders", "Damage", "scan_batches"]

ROWS = (
    *("start", "end", "base_offset", "last_offset", "leader_epoch", "crc", "attributes"),
    *("first_timestamp", "max_timestamp", "producer_id", "count"),
)
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


@dataclass(frozen=True, eq=False)
class BatchHeaders:
    """Headers of the batches that are whole, one after another.

    Attributes:
        start: int64[b], first byte of each batch.
        end: int64[b], the byte behind it.
        base_offset: int64[b], growing.
        last_offset: int64[b], of the last record that the batch has or had before compaction.
        leader_epoch: int64[b].
        crc: int64[b], of the bytes from the attributes on.
        attributes: int64[b].
        first_timestamp: int64[b], ms.
        max_timestamp: int64[b], ms.
        producer_id: int64[b], -1 for none.
        count: int64[b], records as the header has it: not yet checked.
        legacy: whether a message of format 0 or 1 follows.
        damage: what is wrong with the batch that follows, if something is.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    base_offset: NDArray[np.int64]
    last_offset: NDArray[np.int64]
    leader_epoch: NDArray[np.int64]
    crc: NDArray[np.int64]
    attributes: NDArray[np.int64]
    first_timestamp: NDArray[np.int64]
    max_timestamp: NDArray[np.int64]
    producer_id: NDArray[np.int64]
    count: NDArray[np.int64]
    legacy: bool
    damage: Damage | None

    def __len__(self) -> int:
        return len(self.start)

    @property
    def next_offset(self) -> int:
        """The offset after the last batch; there must be one."""
        return int(self.last_offset[-1]) + 1


def scan_batches(buffer: NDArray[np.uint8]) -> BatchHeaders:
    """The headers in a buffer; stops at damage, at an older format, and before a cut-off batch.

    A broker may cut the last batch off where the size that was asked for ends.

    Args:
        buffer: uint8[m], read-only.
    """
    count, kind, at = _count(buffer)
    table = np.empty((len(ROWS), count), np.int64)
    whole = _fill(buffer, table)
    if whole < count:
        kind, at = OFFSETS, int(table[0, whole])
    columns = {name: table[row, :whole] for row, name in enumerate(ROWS)}
    damage = _damage(buffer, kind, at) if kind in (LENGTH, MAGIC, OFFSETS) else None
    return BatchHeaders(**columns, legacy=kind == LEGACY, damage=damage)


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


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
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


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill(buffer: NDArray[np.uint8], table: NDArray[np.int64]) -> int:
    """Read the headers of whole batches; returns how many come before one with bad offsets."""
    at, before = 0, -1
    for batch in range(table.shape[1]):
        end = at + LENGTH_END + read_int(buffer, at + LENGTH_AT, 4)
        base, delta = read_int(buffer, at, 8), read_int(buffer, at + LAST_DELTA_AT, 4)
        table[0, batch] = at
        if base <= before or delta < 0 or base >= LARGEST - delta:
            return batch
        before = base + delta
        table[1, batch] = end
        table[2, batch] = base
        table[3, batch] = before
        table[4, batch] = read_int(buffer, at + LEADER_EPOCH_AT, 4)
        table[5, batch] = read_int(buffer, at + CRC_AT, 4) & 0xFFFFFFFF
        table[6, batch] = read_int(buffer, at + ATTRIBUTES_AT, 2)
        table[7, batch] = read_int(buffer, at + FIRST_TIMESTAMP_AT, 8)
        table[8, batch] = read_int(buffer, at + MAX_TIMESTAMP_AT, 8)
        table[9, batch] = read_int(buffer, at + PRODUCER_ID_AT, 8)
        table[10, batch] = read_int(buffer, at + COUNT_AT, 4)
        at = end
    return int(table.shape[1])
