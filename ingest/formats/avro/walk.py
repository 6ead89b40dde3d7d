"""Walking through Avro's binary encoding with every length checked, many records at a time.

The encoding of a record is checked here before any library reads it: a decoder that trusts its
input can be made to loop over 2**60 elements by nine bytes, or to overflow its stack by nesting.
On the way the values that are wanted are noted, so that plain ones need no second reading.
Format: Apache Avro 1.12, "Binary Encoding".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.compiled import compiled, entry, fingerprint, pointer_to
from ingest.formats.avro.encoding import (
    CUT,
    DEEP,
    DEEPEST,
    MANY,
    MORE,
    NEGATIVE,
    NO_BOOL,
    NO_BRANCH,
    NO_INT,
    NO_SYMBOL,
    read_size,
    read_text,
)
from ingest.formats.binary.operations import ABSENT, OPERATIONS
from ingest.formats.binary.wire_bytes import read_bits, read_zigzag

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["walk", "walk_rows"]

NULL, BOOL, INT, FLOAT, DOUBLE = (
    OPERATIONS[name] for name in ("null", "boolean", "int", "float", "double")
)
BYTES, STRING, FIXED, ENUM = (OPERATIONS[name] for name in ("bytes", "string", "fixed", "enum"))
UNION, RECORD, MAP = (OPERATIONS[name] for name in ("union", "record", "map"))
BUDGET = 16
SOURCES = fingerprint(__file__, "encoding.py", "../binary/operations.py", "../binary/wire_bytes.py")


def walk(
    buffer: NDArray[np.uint8],
    spans: tuple[NDArray[np.int64], NDArray[np.int64]],
    program: tuple[NDArray[np.int32], NDArray[np.int32]],
    slots: int,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Check the encoding of records and note the values of their slots.

    Args:
        buffer: uint8 [m].
        spans: start and length, int64 [n] each, within the buffer.
        program: nodes int32 [p, 4] (operation, two arguments, slot or -1), and the children that
            they name, int32 [c]; `program` makes both.
        slots: how many values are wanted.

    Returns:
        kinds uint8 [slots, n]: 255 for a value that is not there, also for all values of a record
        that has a problem, else its operation; values
        int64 [slots, n]: of whole numbers, booleans, enums; the bits of floats; the first byte of
        texts and bytes; the first element of an array that is in one piece (-1 for one in more);
        lengths int64 [slots, n]: of texts, bytes and arrays; and problems int64 [2, n]: a key of
        `encoding.PROBLEMS` or 0, and the byte where it shows.
    """
    shape = (slots, len(spans[0]))
    kinds = np.full(shape, ABSENT, np.uint8)
    values, lengths = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    problems = np.zeros((2, shape[1]), np.int64)
    _walk_all(buffer, spans, program, (kinds, values, lengths, problems))
    return kinds, values, lengths, problems


@entry(SOURCES)
def _walk_all(buffer: Any, spans: Any, program: Any, noted: Any) -> None:
    walk_rows(pointer_to(buffer), spans, program, noted)


@compiled
def walk_rows(buffer: Any, spans: Any, program: Any, noted: Any) -> None:
    """What `walk` does, for a buffer that is an array or a pointer to one."""
    (start, length), (nodes, children) = spans, program
    kinds, values, lengths, problems = noted
    stack = np.empty((DEEPEST, 2), np.int64)
    for row in range(len(start)):
        begin, end = start[row], start[row] + length[row]
        found, at = _walk(buffer, begin, end, nodes, children, stack, kinds, values, lengths, row)
        if found == 0 and at != end:
            found = MORE
        if found:  # a length that was noted may be one that the bytes do not have
            kinds[:, row] = ABSENT
        problems[0, row] = found
        problems[1, row] = at - begin


@compiled
def _walk(
    buffer: Any, at: Any, end: Any, nodes: Any, children: Any, stack: Any, *noted: Any
) -> Any:
    """One record; the stack holds records (next child), arrays and maps (elements left)."""
    kinds, values, lengths, row = noted
    budget = len(nodes) + BUDGET * (end - at)
    depth, node = 0, np.int64(0)
    while node >= 0:
        budget -= 1
        if budget < 0:
            return MANY, at
        operation, slot = nodes[node, 0], nodes[node, 3]
        if operation == UNION:
            branch, found, at = read_zigzag(buffer, at, end)
            if found or branch < 0 or branch >= nodes[node, 2]:
                return (found if found else NO_BRANCH), at
            node = np.int64(children[nodes[node, 1] + branch])
            continue
        value, size, found = np.int64(0), np.int64(0), 0
        if operation > UNION:
            if depth == DEEPEST:
                return DEEP, at
            stack[depth, 0] = node
            stack[depth, 1] = 0 if operation == RECORD else -1
            depth += 1
        else:
            value, size, found, at = _leaf(buffer, at, end, operation, nodes[node, 1])
        if found:
            return found, at
        if slot >= 0:
            kinds[slot, row], values[slot, row], lengths[slot, row] = operation, value, size
        node, depth, found, at = _next(
            buffer, at, end, nodes, children, stack, depth, values, lengths, row
        )
        if found:
            return found, at
    return 0, at


@compiled
def _next(buffer: Any, at: Any, end: Any, nodes: Any, children: Any, stack: Any, *more: Any) -> Any:
    """The node that comes next: -1 behind the last; how deep it is, a problem, the place."""
    depth, values, lengths, row = more
    while depth:
        node, left = stack[depth - 1, 0], stack[depth - 1, 1]
        if nodes[node, 0] == RECORD:
            if left < nodes[node, 2]:
                stack[depth - 1, 1] = left + 1
                return np.int64(children[nodes[node, 1] + left]), depth, 0, at
            depth -= 1
            continue
        if left <= 0:
            slot, first = nodes[node, 3], left < 0
            left, found, at = _block(buffer, at, end, slot, first, values, lengths, row)
            if found:
                return np.int64(-1), depth, found, at
            if left == 0:
                depth -= 1
                continue
        if nodes[node, 0] == MAP:
            _, found, at = read_text(buffer, at, end)
            if found:
                return np.int64(-1), depth, found, at
        stack[depth - 1, 1] = left - 1
        return np.int64(nodes[node, 1]), depth, 0, at
    return np.int64(-1), depth, 0, at


@compiled
def _block(buffer: Any, at: Any, end: Any, slot: Any, first: Any, *noted: Any) -> Any:
    """How many elements the next block of an array or map has; 0 behind the last."""
    values, lengths, row = noted
    count, found, at = read_zigzag(buffer, at, end)
    if found == 0 and count < 0:
        size, found, at = read_zigzag(buffer, at, end)
        if found == 0 and (size < 0 or count < -(2**62)):
            found = NEGATIVE
        count = -count
    if slot >= 0 and first:
        values[slot, row], lengths[slot, row] = at, count
    elif slot >= 0 and count:
        values[slot, row] = -1
    return count, found, at


@compiled
def _leaf(buffer: Any, at: Any, end: Any, operation: Any, argument: Any) -> Any:
    """A value without parts: it or its first byte, its length, a problem or 0, the place behind."""
    if BYTES <= operation <= FIXED:
        return _bytes(buffer, at, end, operation, argument)
    value, found, at = _number(buffer, at, end, operation, argument)
    return value, np.int64(0), found, at


@compiled
def _bytes(buffer: Any, at: Any, end: Any, operation: Any, width: Any) -> Any:
    """Bytes, a string or a fixed: the first byte, how many, a problem or 0, the place behind."""
    if operation == STRING:
        size, found, at = read_text(buffer, at, end)
        return at - size, size, found, at
    size, found = np.int64(width), (CUT if width > end - at else 0)
    if operation == BYTES:
        size, found, at = read_size(buffer, at, end)
    return at, size, found, (at if found else at + size)


@compiled
def _number(buffer: Any, at: Any, end: Any, operation: Any, symbols: Any) -> Any:
    """A null, boolean, whole number, enum or the bits of a float; a problem or 0, the place."""
    value, found = np.int64(0), 0
    if operation == FLOAT or operation == DOUBLE:  # noqa: SIM109 - numba
        width = 4 if operation == FLOAT else 8
        if end - at < width:
            return value, CUT, at
        value = read_bits(buffer, at)
        if width == 8:
            value |= read_bits(buffer, at + 4) << np.int64(32)
        at += width
    elif operation == BOOL:
        if at >= end:
            return value, CUT, at
        value = np.int64(buffer[at])
        found, at = (NO_BOOL if value > 1 else 0), at + 1
    elif operation != NULL:
        value, found, at = read_zigzag(buffer, at, end)
        if found == 0 and operation == INT and not -(2**31) <= value < 2**31:
            found = NO_INT
        elif found == 0 and operation == ENUM and not 0 <= value < symbols:
            found = NO_SYMBOL
    return value, found, at
