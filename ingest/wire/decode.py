"""The records of many batches as columns, in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from ingest.compiled import entry, fingerprint
from ingest.wire.layout import LARGEST, read_varint

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COMPLAINTS", "PLAN", "decode_headers", "decode_records"]

# What is known of a batch before its records are read, a row of the plan each.
PLAN = ("start", "end", "count", "base_offset", "last_offset", "timestamp", "appended")
START, END, COUNT, BASE, LAST, TIMESTAMP, APPENDED = range(7)
OFFSET, TIME, KEY, KEY_LENGTH, VALUE, VALUE_LENGTH, HEADERS, HEADERS_LENGTH = range(8)
FINE, BAD_LENGTH, BAD_ATTRIBUTES, BAD_NUMBER, BAD_TIMESTAMP, BAD_OFFSET = range(6)
BAD_KEY, BAD_VALUE, BAD_HEADERS, BAD_RECORD_END, BAD_BATCH_END = range(6, 11)

COMPLAINTS = {
    BAD_LENGTH: "a length that ends within the batch",
    BAD_ATTRIBUTES: "attributes of one byte",
    BAD_NUMBER: "numbers that end within the record, and within 32 or 64 bits",
    BAD_TIMESTAMP: "a timestamp of 64 bits",
    BAD_OFFSET: "offsets that grow, and stay within those of the batch",
    BAD_KEY: "a key that ends within the record",
    BAD_VALUE: "a value that ends within the record",
    BAD_HEADERS: "headers that end within the record",
    BAD_RECORD_END: "a record as long as its length says",
    BAD_BATCH_END: "no bytes behind the last record",
}


@entry(fingerprint(__file__, "layout.py"))
def decode_records(
    buffer: NDArray[np.uint8],
    plan: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Read the records of batches, checking all that the bytes say before it is used.

    Args:
        buffer: uint8[m], decompressed.
        plan: int64[7, b], rows as in `PLAN`: the bytes [start, end) of a batch's records, which
            must lie in the buffer, their number, first and last offset, the timestamp that theirs
            are told from, and whether it holds for all of them (1) or is added to (0).
        columns: int64[6 or 8, n], n at least the sum of the counts; filled with offset, timestamp,
            start and length of key and value (-1 for a null), and, if there are 8 rows, the first
            byte of the headers of each record and their number.

    Returns:
        What was wrong (a key of `COMPLAINTS`, 0 for nothing), the batch and the record where, and
        the byte. All batches before that one are complete.
    """
    row = 0
    for batch in range(plan.shape[1]):
        wrong, record, at = _batch(buffer, plan, batch, columns, row)
        if wrong != FINE:
            return wrong, batch, record, at
        row += plan[COUNT, batch]
    return FINE, plan.shape[1], 0, 0


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _batch(
    buffer: NDArray[np.uint8],
    plan: NDArray[np.int64],
    batch: int,
    columns: NDArray[np.int64],
    row: int,
) -> tuple[int, int, int]:
    at, end = plan[START, batch], plan[END, batch]
    before, last = plan[BASE, batch] - 1, plan[LAST, batch]
    known = (plan[BASE, batch], plan[TIMESTAMP, batch], plan[APPENDED, batch] != 0)
    for record in range(plan[COUNT, batch]):
        length, place = read_varint(buffer, at, end, 5)
        if place < 0 or length < 1 or length > end - place:
            return BAD_LENGTH, record, at
        wrong = _record(buffer, place, place + length, known, columns, row + record)
        if wrong != FINE:
            return wrong, record, at
        offset = columns[OFFSET, row + record]
        if offset <= before or offset > last:
            return BAD_OFFSET, record, at
        before = offset
        at = place + length
    if at != end:
        return BAD_BATCH_END, plan[COUNT, batch], at
    return FINE, 0, at


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _record(
    buffer: NDArray[np.uint8],
    at: int,
    end: int,
    known: tuple[int, int, bool],
    columns: NDArray[np.int64],
    row: int,
) -> int:
    base, timestamp, appended = known
    # The attributes of a record are unused; kafka-python reads them as a number.
    if buffer[at] >= 0x80:
        return BAD_ATTRIBUTES
    later, at = read_varint(buffer, at + 1, end, 10)
    further, at = read_varint(buffer, at, end, 5)
    key, at = read_varint(buffer, at, end, 5)
    if at < 0:
        return BAD_NUMBER
    if key > end - at:
        return BAD_KEY
    columns[KEY, row], columns[KEY_LENGTH, row] = at, max(key, -1)
    value, at = read_varint(buffer, at + max(key, 0), end, 5)
    if at < 0:
        return BAD_NUMBER
    if value > end - at:
        return BAD_VALUE
    columns[VALUE, row], columns[VALUE_LENGTH, row] = at, max(value, -1)
    if not appended:
        if later > 0 and timestamp > LARGEST - later:
            return BAD_TIMESTAMP
        if later < 0 and timestamp < -LARGEST - 1 - later:
            return BAD_TIMESTAMP
        timestamp += later
    columns[TIME, row] = timestamp
    # A sum of a checked offset and 32 bits; one that is too large wraps and fails its check.
    columns[OFFSET, row] = base + further
    return _headers(buffer, at + max(value, 0), end, columns, row)  # type: ignore[no-any-return]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _headers(
    buffer: NDArray[np.uint8], at: int, end: int, columns: NDArray[np.int64], row: int
) -> int:
    """Walk the headers; note where they are if there is room for it."""
    count, at = read_varint(buffer, at, end, 5)
    # The name and the value of a header take a byte each, at least.
    if at < 0 or count < 0 or 2 * count > end - at:
        return BAD_HEADERS
    if len(columns) > HEADERS:
        columns[HEADERS, row], columns[HEADERS_LENGTH, row] = at, count
    for _ in range(count):
        name, at = read_varint(buffer, at, end, 5)
        if at < 0 or name < 0 or name > end - at:
            return BAD_HEADERS
        value, at = read_varint(buffer, at + name, end, 5)
        if at < 0 or value > end - at:
            return BAD_HEADERS
        at += max(value, 0)
    return FINE if at == end else BAD_RECORD_END


@entry(fingerprint(__file__, "layout.py"))
def decode_headers(
    buffer: NDArray[np.uint8],
    columns: NDArray[np.int64],
    spans: NDArray[np.int64],
) -> None:
    """Spans of the headers of records that `decode_records` has been through.

    Args:
        buffer: as then.
        columns: int64[8, n], of records that were complete.
        spans: int64[4, h], h the sum of the last row of the columns; filled with start and length
            of each name and value (-1 for a null).
    """
    header = 0
    for row in range(columns.shape[1]):
        at = columns[HEADERS, row]
        for _ in range(columns[HEADERS_LENGTH, row]):
            name, at = read_varint(buffer, at, len(buffer), 5)
            spans[0, header], spans[1, header] = at, name
            value, at = read_varint(buffer, at + name, len(buffer), 5)
            spans[2, header], spans[3, header] = at, max(value, -1)
            at += max(value, 0)
            header += 1
