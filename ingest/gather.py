"""Spans and records that are scattered over a buffer, copied one behind another, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from ingest.records import RecordBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["copy_records", "copy_spans", "size_of_records"]

Columns = tuple["NDArray[np.int64]", ...]
KEY, VALUE = 2, 4  # where the columns of a record batch begin that say where keys and values are


def copy_spans(
    buffer: NDArray[np.uint8], start: NDArray[np.int64], splits: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Copy spans one behind another.

    Args:
        buffer: uint8[m], contiguous.
        start: int64[n], where each span begins; it must lie within the buffer as a whole.
        splits: int64[n + 1], where each begins in the copy, and where the last one ends.

    Returns:
        uint8[splits[n]].
    """
    values = np.empty(int(splits[-1]), np.uint8)
    if len(values):
        source = buffer.view()
        source.flags.writeable = False  # one type, compiled once
        _copy(source, start, splits, values)
    return values


def size_of_records(batch: RecordBatch, rows: NDArray[np.int64]) -> int:
    """The bytes of keys and values of the records at some indices."""
    return int(_size(_columns(batch), rows))


def copy_records(
    batch: RecordBatch, rows: NDArray[np.int64], target: NDArray[np.uint8], begin: int
) -> NDArray[np.int64]:
    """Copy keys and values of some records one behind another.

    Args:
        batch: that they lie in.
        rows: int64[k], indices of the records.
        target: uint8[m], with room for their `size_of_records` from `begin` on.
        begin: where the first key goes.

    Returns:
        int64[6, k], the columns of a `RecordBatch` over the target.
    """
    source = np.ascontiguousarray(batch.buffer).view()
    source.flags.writeable = False  # one type, compiled once
    columns = np.empty((6, len(rows)), np.int64)
    _copy_records(source, _columns(batch), rows, target[begin:], columns)
    columns[[KEY, VALUE]] += begin
    return columns


def _columns(batch: RecordBatch) -> Columns:
    keys, values = (batch.key_start, batch.key_length), (batch.value_start, batch.value_length)
    columns = (batch.offsets, batch.timestamps, *keys, *values)
    return tuple(np.ascontiguousarray(column) for column in columns)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _size(columns: Columns, rows: NDArray[np.int64]) -> int:
    size = 0
    for row in rows:
        size += max(columns[KEY + 1][row], 0) + max(columns[VALUE + 1][row], 0)
    return size


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _copy_records(
    source: NDArray[np.uint8],
    columns: Columns,
    rows: NDArray[np.int64],
    target: NDArray[np.uint8],
    copied: NDArray[np.int64],
) -> None:
    begin = np.uint64(0)
    for number in range(len(rows)):
        row = rows[number]
        copied[0, number], copied[1, number] = columns[0][row], columns[1][row]
        for start in (KEY, VALUE):
            length = columns[start + 1][row]
            copied[start, number], copied[start + 1, number] = begin, length
            first, size = np.uint64(columns[start][row]), np.uint64(max(length, 0))
            for at in range(size):
                target[begin + at] = source[first + at]
            begin += size


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _copy(
    buffer: NDArray[np.uint8],
    start: NDArray[np.int64],
    splits: NDArray[np.int64],
    values: NDArray[np.uint8],
) -> None:
    for row in range(len(start)):
        # Unsigned: for signed indices numba looks whether they are negative, byte by byte.
        first, begin = np.uint64(start[row]), np.uint64(splits[row])
        for at in range(np.uint64(splits[row + 1]) - begin):
            values[begin + at] = buffer[first + at]
