"""Walking through Protobuf's wire format, noting wanted values, without a Python object each.

What is not plain beyond doubt is left to protobuf: values of another wire type than their field's,
numbers that do not fit it, groups, lists in several pieces, strings that are not UTF-8, and all
that is broken. Format: Protocol Buffers, "Encoding".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.compiled import compiled, entry, fingerprint, pointer_to
from ingest.formats.binary.operations import ABSENT
from ingest.formats.binary.wire_bytes import flaw_in_text, read_bits, read_varint

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_packed", "walk_messages", "walk_rows"]

DOUBLE, FLOAT, INT64, UINT64, INT32, FIXED64, FIXED32, BOOL, STRING, GROUP = range(1, 11)
MESSAGE, BYTES, UINT32, ENUM, SFIXED32, SFIXED64, SINT32, SINT64 = range(11, 19)
VARINT, WIDE, SPAN, NARROW = 0, 1, 2, 5
NUMBER, TYPE, KIND, SLOT, INNER, REPEATED = range(6)
DEEPEST = 32
SOURCES = fingerprint(__file__, "../binary/operations.py", "../binary/wire_bytes.py")


def walk_messages(
    buffer: NDArray[np.uint8],
    spans: tuple[NDArray[np.int64], NDArray[np.int64]],
    program: tuple[NDArray[np.int32], NDArray[np.int32]],
    slots: int,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Note the values of messages.

    Args:
        buffer: uint8 [m].
        spans: start and length, int64 [n] each, within the buffer.
        program: messages int32 [q, 2] (first field, how many), and fields int32 [p, 6] (number,
            type, kind to note, slot or -1, message within or -1, whether repeated), those of a
            message by growing numbers.
        slots: how many values are wanted.

    Returns:
        kinds uint8 [slots, n], 255 where nothing is; values and lengths int64 [slots, n], as
        `avro.walk` notes them; and bool [n], whether the message is plain beyond doubt.
    """
    shape = (slots, len(spans[0]))
    kinds = np.full(shape, ABSENT, np.uint8)
    values, lengths = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    plain = np.zeros(shape[1], np.bool_)
    _walk_all(buffer, spans, program, (kinds, values, lengths, plain))
    return kinds, values, lengths, plain


def read_packed(
    buffer: NDArray[np.uint8], start: NDArray[np.int64], splits: NDArray[np.int64], kind: int
) -> NDArray[np.int64]:
    """The elements of packed lists that were walked, as single values are noted.

    Args:
        buffer: uint8 [m].
        start: int64 [n], the first byte of each list.
        splits: int64 [n + 1], how many elements come before each.
        kind: the type of the elements.
    """
    raw = np.empty(int(splits[-1]), np.int64)
    _read_packed(buffer, start, splits, kind, raw)
    return raw


@entry(SOURCES)
def _read_packed(buffer: Any, start: Any, splits: Any, kind: Any, raw: Any) -> None:
    for row in range(len(splits) - 1):
        at = start[row]
        for place in range(splits[row], splits[row + 1]):
            raw[place], at = _scalar(buffer, at, len(buffer), kind)


@entry(SOURCES)
def _walk_all(buffer: Any, spans: Any, program: Any, noted: Any) -> None:
    walk_rows(pointer_to(buffer), spans, program, noted)


@compiled
def walk_rows(buffer: Any, spans: Any, program: Any, noted: Any) -> None:
    """What `walk_messages` does, for a buffer that is an array or a pointer to one."""
    (start, length), (messages, fields) = spans, program
    kinds, values, lengths, plain = noted
    stack = np.empty((DEEPEST, 2), np.int64)
    for row in range(len(start)):
        begin = start[row]
        stack[0, 0], stack[0, 1] = 0, begin + length[row]
        plain[row] = _walk(buffer, begin, messages, fields, stack, kinds, values, lengths, row)
        if not plain[row]:
            kinds[:, row] = ABSENT


@compiled
def _walk(buffer: Any, at: Any, messages: Any, fields: Any, stack: Any, *noted: Any) -> Any:
    """One message; the stack holds which message it is in, and where that ends."""
    kinds, values, lengths, row = noted
    depth, field = 0, np.int64(0)
    while depth >= 0:
        end = stack[depth, 1]
        if at >= end:
            depth -= 1
            continue
        tag, at = _varint(buffer, at, end)
        if at < 0 or tag < 8 or tag >= 2**32:
            return False
        field = _find(messages, fields, stack[depth, 0], tag >> 3, field)
        if field < 0:
            at, field = _skip(buffer, at, end, tag & 7), np.int64(0)
            if at < 0:
                return False
            continue
        value, size, at = _value(buffer, at, end, fields[field], tag & 7)
        slot = fields[field, SLOT]
        if at < 0 or (fields[field, REPEATED] and slot >= 0 and kinds[slot, row] != ABSENT):
            return False
        if slot >= 0:
            kinds[slot, row], values[slot, row], lengths[slot, row] = (
                fields[field, KIND],
                value,
                size,
            )
        if fields[field, TYPE] == MESSAGE:
            depth += 1
            if depth == DEEPEST:
                return False
            stack[depth, 0], stack[depth, 1] = fields[field, INNER], value + size
            at = value
    return True


@compiled
def _find(messages: Any, fields: Any, message: Any, number: Any, last: Any) -> Any:
    """The field of a number in a message, the one behind the last one first; -1 for none."""
    low, high = (
        np.int64(messages[message, 0]),
        np.int64(messages[message, 0] + messages[message, 1]),
    )
    if low <= last + 1 < high and fields[last + 1, NUMBER] == number:
        return np.int64(last + 1)
    while low < high:
        middle = (low + high) // 2
        if fields[middle, NUMBER] == number:
            return middle
        if fields[middle, NUMBER] < number:
            low = middle + 1
        else:
            high = middle
    return np.int64(-1)


@compiled
def _value(buffer: Any, at: Any, end: Any, field: Any, wire: Any) -> Any:
    """A known field's value, or first byte and length or count; the place behind, -1 for odd."""
    kind, listed = field[TYPE], field[REPEATED] != 0
    if kind in (STRING, BYTES, MESSAGE, GROUP):
        if wire != SPAN or kind == GROUP or (listed and field[SLOT] >= 0):
            return np.int64(0), np.int64(0), -1
        size, at = _varint(buffer, at, end)
        if at < 0 or size < 0 or size > end - at:
            return np.int64(0), np.int64(0), -1
        if kind == STRING and flaw_in_text(buffer, at, at + size) >= 0:
            return np.int64(0), np.int64(0), -1
        return np.int64(at), size, at + size
    if listed and wire == SPAN:
        return _packed(buffer, at, end, kind)
    if wire != _wire(kind) or (listed and field[SLOT] >= 0):
        return np.int64(0), np.int64(0), -1
    value, at = _scalar(buffer, at, end, kind)
    return value, np.int64(0), at


@compiled
def _packed(buffer: Any, at: Any, end: Any, kind: Any) -> Any:
    """A packed list: its first byte, how many elements, the place behind, -1 for odd."""
    size, at = _varint(buffer, at, end)
    if at < 0 or size < 0 or size > end - at:
        return np.int64(0), np.int64(0), -1
    begin, stop, count = at, at + size, np.int64(0)
    while at < stop:
        _, at = _scalar(buffer, at, stop, kind)
        if at < 0:
            return np.int64(0), np.int64(0), -1
        count += 1
    return np.int64(begin), count, at


@compiled
def _wire(kind: Any) -> Any:
    if kind in (DOUBLE, FIXED64, SFIXED64):
        return WIDE
    if kind in (FLOAT, FIXED32, SFIXED32):
        return NARROW
    return VARINT


@compiled
def _scalar(buffer: Any, at: Any, end: Any, kind: Any) -> Any:
    """A number, boolean or enum, of floats the bits; the place behind it, -1 for odd."""
    wire = _wire(kind)
    if wire == VARINT:
        value, at = _varint(buffer, at, end)
        if kind in (SINT32, SINT64):
            if kind == SINT32 and not 0 <= value < 2**32:
                at = -1
            value = ((value >> np.int64(1)) & np.int64(2**63 - 1)) ^ -(value & np.int64(1))
        return value, (at if at >= 0 and _fits(value, kind) else -1)
    width = 8 if wire == WIDE else 4
    if end - at < width:
        return np.int64(0), -1
    value = read_bits(buffer, at)
    if width == 8:
        value |= read_bits(buffer, at + 4) << np.int64(32)
    elif kind == SFIXED32 and value >= 2**31:
        value -= np.int64(2**32)
    return value, (at + width if kind != FIXED64 or value >= 0 else -1)


@compiled
def _fits(value: Any, kind: Any) -> Any:
    if kind in (INT32, ENUM):
        return -(2**31) <= value < 2**31
    if kind == UINT32:
        return 0 <= value < 2**32
    if kind == BOOL:
        return 0 <= value <= 1
    return kind != UINT64 or value >= 0


@compiled
def _skip(buffer: Any, at: Any, end: Any, wire: Any) -> Any:
    """The place behind a value of an unknown field; -1 for odd."""
    size = np.int64(0)
    if wire in (VARINT, SPAN):
        size, at = _varint(buffer, at, end)
        size = size if wire == SPAN else np.int64(0)
    elif wire in (WIDE, NARROW):
        size = np.int64(8 if wire == WIDE else 4)
    else:
        return -1
    return at + size if at >= 0 and 0 <= size <= end - at else -1


@compiled
def _varint(buffer: Any, at: Any, end: Any) -> Any:
    """64 bits, as a signed number, and the place behind them; -1 unless written as usual."""
    begin = at
    value, found, at = read_varint(buffer, at, end)
    if found or (buffer[at - 1] == 0 and at - begin > 1):
        return np.int64(0), -1
    return np.int64(value), at
