"""The value of a field in a JSON record to its place in the columns, compiled.

A value that seems wrong is never judged here: its row is left to the parser of single records.
`field` is the place of a field's row in the plan (see `plan`). Numbers that are floats go
about as their bits.
"""

from __future__ import annotations

import numpy as np

from ingest.compiled import Bytes, Longs, compiled, signed
from ingest.formats.json.floats import to_float
from ingest.formats.json.moments import scan_moment
from ingest.formats.json.plan import (
    BOOL,
    BUCKET_COUNT,
    BUCKETS,
    COLUMN,
    DEFAULT,
    FIRST_CODE,
    FIRST_WORD,
    FLOAT64,
    HAS_DEFAULT,
    HIGH,
    INT64,
    KIND,
    LENGTH,
    LOW,
    OTHER,
    RAGGED,
    TABLE,
    TEXT,
    TIMESTAMP,
)
from ingest.formats.json.scan import INTEGER, UNSURE, scan_number, skip_word
from ingest.formats.json.strings import QUOTE, scan_string, skip_space
from ingest.formats.json.words import crc32, crc32_of_escaped, find_escaped, find_word

__all__ = ["END", "POOL", "ROW", "ROWS", "USED", "put_default", "put_value"]

# In the memory of a call: the row, how many there are, where the pool of list elements begins, its
# first free place, and its end.
ROW, ROWS, POOL, USED, END = range(5)
COMMA, OPEN_LIST, CLOSE_LIST, LETTER_N, LETTER_T, LETTER_F = 44, 91, 93, 110, 116, 102
LARGEST = np.uint64(2**63 - 1)
TINY = 1e-45  # a float32 may round what is smaller to 0, which makes -0.0 of it


@compiled
def put_value(
    buffer: Bytes,
    at: int,
    end: int,
    plan: Longs,
    field: int,
    columns: Longs,
    memory: Longs,
) -> int:
    """Put the value at a position into the columns of a field; the position behind it."""
    if buffer[at] == LETTER_N:
        at = skip_word(buffer, at)
        return at if at >= 0 and put_default(plan, field, columns, memory) else -1
    place = plan[field + COLUMN] * memory[ROWS] + memory[ROW]
    if plan[field + KIND] == TEXT:
        return _put_text(buffer, at, end, columns, place, memory[ROWS])
    if plan[field + LENGTH] != 0:
        return _put_list(buffer, at, end, plan, field, columns, memory)
    at, columns[place] = _scan(buffer, at, end, plan, field)
    return at


@compiled
def put_default(plan: Longs, field: int, columns: Longs, memory: Longs) -> bool:
    """Put a field's default into its columns; whether it has one."""
    if plan[field + HAS_DEFAULT] == 0:
        return False
    place, rows = plan[field + COLUMN] * memory[ROWS] + memory[ROW], memory[ROWS]
    length = plan[field + LENGTH]
    if plan[field + KIND] == TEXT:
        columns[place], columns[place + rows] = -1, 0
    elif length == RAGGED:
        columns[place], columns[place + rows] = 0, 0
    else:
        for column in range(length if length > 0 else 1):
            columns[place + column * rows] = plan[field + DEFAULT]
    return True


@compiled
def _put_text(buffer: Bytes, at: int, end: int, columns: Longs, place: int, rows: int) -> int:
    """Put down where the inside of a string is; the complement of its size if it has escapes."""
    if buffer[at] != QUOTE:
        return -1
    close, escaped = scan_string(buffer, at + 1, end)
    if close < 0:
        return -1
    size = close - at - 1
    columns[place], columns[place + rows] = at + 1, ~size if escaped else size
    return close + 1


@compiled
def _put_list(
    buffer: Bytes,
    at: int,
    end: int,
    plan: Longs,
    field: int,
    columns: Longs,
    memory: Longs,
) -> int:
    if buffer[at] != OPEN_LIST:
        return -1
    rows, length = memory[ROWS], plan[field + LENGTH]
    place = plan[field + COLUMN] * rows + memory[ROW]
    begin, many = memory[USED], 0
    most = memory[END] - begin if length == RAGGED else length
    at = skip_space(buffer, at + 1)
    byte = COMMA
    if buffer[at] == CLOSE_LIST:
        at, byte = at + 1, CLOSE_LIST
    while byte == COMMA:
        at, value = _scan(buffer, at, end, plan, field)
        if at < 0 or many >= most:
            return -1
        if length == RAGGED:
            memory[begin + many] = value
        else:
            columns[place + many * rows] = value
        many += 1
        at = skip_space(buffer, at)
        byte = buffer[at]
        at = skip_space(buffer, at + 1) if byte == COMMA else at + 1
    if length == RAGGED:
        memory[USED] = begin + many
        columns[place], columns[place + rows] = begin - memory[POOL], many
    elif many != length:
        return -1
    return at if byte == CLOSE_LIST else -1


@compiled
def _scan(buffer: Bytes, at: int, end: int, plan: Longs, field: int) -> tuple[int, int]:
    """A single value: the position behind it, and the number for its column."""
    kind, byte = plan[field + KIND], buffer[at]
    if kind == FLOAT64:
        return _scan_float(buffer, at, plan, field)
    if kind == INT64 or (kind == TIMESTAMP and byte != QUOTE):
        return _scan_integer(buffer, at, plan, field)
    if kind == BOOL:
        known = byte in (LETTER_T, LETTER_F)
        return (skip_word(buffer, at) if known else -1), signed(byte == LETTER_T)
    if byte != QUOTE or kind == OTHER:
        return -1, 0
    if kind == TIMESTAMP:
        return scan_moment(buffer, at + 1, end)
    return _scan_code(buffer, at + 1, end, plan, field)


@compiled
def _scan_float(buffer: Bytes, at: int, plan: Longs, field: int) -> tuple[int, int]:
    at, kind, negative, mantissa, exponent = scan_number(buffer, at)
    if at < 0 or kind == UNSURE:
        return -1, 0
    real, sure = to_float(mantissa, exponent)
    if negative and real != 0.0:
        sure = sure and real > TINY
        real = -real
    low = signed(plan[field + LOW]).view(np.float64)
    high = signed(plan[field + HIGH]).view(np.float64)
    bits: int = np.float64(real).view(signed)
    return (at if sure and low <= real <= high else -1), bits


@compiled
def _scan_integer(buffer: Bytes, at: int, plan: Longs, field: int) -> tuple[int, int]:
    at, kind, negative, mantissa, _ = scan_number(buffer, at)
    if at < 0 or kind != INTEGER or mantissa > LARGEST:
        return -1, 0
    whole = signed(mantissa)
    if negative:
        whole = -whole
    return (at if plan[field + LOW] <= whole <= plan[field + HIGH] else -1), whole


@compiled
def _scan_code(buffer: Bytes, at: int, end: int, plan: Longs, field: int) -> tuple[int, int]:
    """The code of a category, from behind its opening quote on; a label must be known."""
    close, escaped = scan_string(buffer, at, end)
    if close < 0:
        return -1, 0
    if plan[field + KIND] == BUCKETS:
        crc = crc32_of_escaped(buffer, at, close) if escaped else crc32(buffer, at, close)
        return close + 1, 1 + crc % plan[field + BUCKET_COUNT] if close > at else 0
    if escaped:
        found = find_escaped(plan, field + TABLE, buffer, at, close)
    else:
        found = find_word(plan, field + TABLE, buffer, at, close)
    code = plan[field + FIRST_CODE] + (found - plan[field + FIRST_WORD] if found >= 0 else -1)
    return (close + 1 if code >= 0 else -1), code
