"""JSON records from their spans into columns, compiled once for all schemas.

A row is taken only if all of it is understood: the whole record is strict JSON and each field of
the schema is there once, with a value that is good, or has a default. What is not taken is not
judged: the parser of single records says whether it is bad.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.compiled import (
    Bytes,
    Longs,
    compiled,
    entry,
    fingerprint,
    pointer_to,
    signed,
)
from ingest.formats.json.plan import COUNT, FIELD_WIDTH, FIELDS, NAMES, WORDS
from ingest.formats.json.scan import DEEPEST, STACK, skip_value
from ingest.formats.json.strings import QUOTE, SPACE, scan_string, skip_space
from ingest.formats.json.values import END, POOL, ROW, ROWS, USED, put_default, put_value
from ingest.formats.json.words import find_escaped, find_word, is_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["new_memory", "parse_records", "parse_rows"]

COMMA, COLON, OPEN, CLOSE = 44, 58, 123, 125
# In the memory of a call: which field was last at each place of an object, which row has last had
# each field. The pool of list elements follows.
GUESS, GUESSES = STACK + DEEPEST, 64
SEEN = GUESS + GUESSES


def new_memory(fields: int, rows: int, elements: int) -> NDArray[np.int64]:
    """What the parser remembers during a call.

    Args:
        fields: of the schema.
        rows: of the call.
        elements: room for those of ragged lists, which are the last in the memory; half as many as
            there are bytes are enough.
    """
    memory = np.empty(SEEN + fields + elements, np.int64)
    memory[: SEEN + fields] = -1
    memory[ROWS], memory[END] = rows, len(memory)
    memory[POOL] = memory[USED] = SEEN + fields
    return memory


@compiled
def parse_rows(
    buffer: Bytes,
    start: Longs,
    length: Longs,
    plan: Longs,
    columns: Longs,
    memory: Longs,
    taken: Bytes,
) -> None:
    """What `parse_records` does, for arrays of one dimension or pointers to them."""
    for row in range(memory[ROWS]):
        at, end = start[row], start[row] + length[row]
        while end > at and SPACE[buffer[end - 1]]:
            end -= 1
        while end > at and SPACE[buffer[at]]:
            at += 1
        taken[row] = 0
        if end - at >= 2 and buffer[at] == OPEN and buffer[end - 1] == CLOSE:
            memory[ROW] = row
            taken[row] = _put_members(buffer, at + 1, end, plan, columns, memory)


@compiled
def _put_members(
    buffer: Bytes,
    at: int,
    end: int,
    plan: Longs,
    columns: Longs,
    memory: Longs,
) -> bool:
    """Put the members of an object into a row; whether it is understood."""
    at, found, place = skip_space(buffer, at), 0, signed(0)
    byte = CLOSE if buffer[at] == CLOSE else COMMA
    while byte == COMMA:
        number, at = _find_key(buffer, at, end, plan, memory, place)
        if at < 0:
            return False
        place += 1
        if number < 0:
            at = skip_value(buffer, at, end, memory)
        elif memory[SEEN + number] == memory[ROW]:
            return False
        else:
            memory[SEEN + number] = memory[ROW]
            found += 1
            field = FIELDS + FIELD_WIDTH * number
            at = put_value(buffer, at, end, plan, field, columns, memory)
        if at < 0 or at >= end:
            return False
        at = skip_space(buffer, at)
        byte = buffer[at]
        if byte == COMMA:
            at = skip_space(buffer, at + 1)
    if byte != CLOSE or at != end - 1:
        return False
    return found == plan[COUNT] or _put_defaults(plan, columns, memory)


@compiled
def _put_defaults(plan: Longs, columns: Longs, memory: Longs) -> bool:
    """Put the defaults of fields that are missing; whether all have one."""
    for number in range(plan[COUNT]):
        field = FIELDS + FIELD_WIDTH * number
        missing = memory[SEEN + number] != memory[ROW]
        if missing and not put_default(plan, field, columns, memory):
            return False
    return True


@compiled
def _find_key(
    buffer: Bytes,
    at: int,
    end: int,
    plan: Longs,
    memory: Longs,
    place: int,
) -> tuple[int, int]:
    """The field that a key names, or -1, and the position of its value; that is -1 if unsure."""
    if buffer[at] != QUOTE:
        return -1, -1
    at += 1
    guess = GUESS + (place if place < GUESSES else GUESSES - 1)
    number = memory[guess]
    close = at
    if number >= 0:
        close = at + plan[plan[WORDS] + 2 * number + 1]
    if (
        number < 0
        or close >= end
        or buffer[close] != QUOTE
        or not is_word(plan, number, buffer, at, close)
    ):
        close, escaped = scan_string(buffer, at, end)
        if close < 0:
            return -1, -1
        if escaped:
            number = find_escaped(plan, signed(NAMES), buffer, at, close)
        else:
            number = find_word(plan, signed(NAMES), buffer, at, close)
            memory[guess] = number
    at = skip_space(buffer, close + 1)
    if buffer[at] != COLON:
        return -1, -1
    return number, skip_space(buffer, at + 1)


@entry(fingerprint(__file__, "*.py"))
def parse_records(
    buffer: NDArray[np.uint8],
    start: NDArray[np.int64],
    length: NDArray[np.int64],
    plan: NDArray[np.int64],
    columns: NDArray[np.int64],
    memory: NDArray[np.int64],
    taken: NDArray[np.uint8],
) -> None:
    """Parse records into columns.

    Args:
        buffer: the bytes.
        start: int64[n], where each record begins; within the buffer.
        length: int64[n], bytes of each, within the buffer.
        plan: of the schema, see `plan.Plan`.
        columns: int64[c, n], see there; a row that is not taken holds anything.
        memory: made for this call, see `new_memory`.
        taken: uint8[n], gets 1 for a record that was taken, and 0 for others.
    """
    parse_rows(
        pointer_to(buffer),
        pointer_to(start),
        pointer_to(length),
        pointer_to(plan),
        pointer_to(columns),
        pointer_to(memory),
        pointer_to(taken),
    )
