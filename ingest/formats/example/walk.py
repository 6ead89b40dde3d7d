"""Where the values of fields lie in serialized `tf.train.Example`s, without a Python object each.

Only what protobuf's own serializers write is walked: each message whole, lists packed, a key before
its feature, lengths of at most 2**31 - 1. Any other record, good or not, is left to protobuf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ABSENT", "BYTES", "FLOATS", "INTEGERS", "Places", "integers_at", "pieces_at", "walk"]

ABSENT, BYTES, FLOATS, INTEGERS = 0, 1, 2, 3
FIRST, SECOND, THIRD = 0x0A, 0x12, 0x1A  # tags of the fields 1, 2, 3 that have a length
VARINT_BYTES = 10
LENGTH_LIMIT = 2**31
MANY = 64  # features of a record whose places are remembered


@dataclass(frozen=True, eq=False)
class Places:
    """Of n records and f fields.

    Attributes:
        kind: int8[f, n], ABSENT, or the kind of the list: BYTES, FLOATS, INTEGERS.
        start: int64[f, n], first byte of the list's content.
        size: int64[f, n], bytes of it.
        count: int64[f, n], elements of it.
        plain: bool[n], whether the record could be walked.
    """

    kind: NDArray[np.int8]
    start: NDArray[np.int64]
    size: NDArray[np.int64]
    count: NDArray[np.int64]
    plain: NDArray[np.bool_]


def walk(
    buffer: NDArray[np.uint8],
    start: NDArray[np.int64],
    length: NDArray[np.int64],
    names: list[bytes],
) -> Places:
    """Find the fields in records.

    Args:
        buffer: uint8[m].
        start: int64[n], of each record.
        length: int64[n], of each record, within the buffer.
        names: of the fields, distinct.
    """
    keys = np.frombuffer(b"".join(names), np.uint8)
    splits = np.cumsum([0, *map(len, names)]).astype(np.int64)
    shape = (len(start), len(names))
    kind = np.zeros(shape, np.int8)
    found = np.zeros((*shape, 3), np.int64)
    plain = np.zeros(len(start), np.bool_)
    _walk(buffer, start, start + length, (keys, splits), kind, found, plain)
    first, size, count = found.T
    return Places(kind.T, first, size, count, plain)


def integers_at(
    buffer: NDArray[np.uint8], start: NDArray[np.int64], size: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """int64[count], the integers of some lists that were walked, one list behind another."""
    values = np.zeros(count, np.int64)
    _integers(buffer, start, start + size, values)
    return values


def pieces_at(
    buffer: NDArray[np.uint8], start: NDArray[np.int64], size: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """int64[2, count], start and length of each piece of bytes of some lists that were walked."""
    pieces = np.zeros((2, count), np.int64)
    _pieces(buffer, start, start + size, pieces)
    return pieces


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _body(buffer: Any, at: Any, end: Any, tag: Any) -> Any:
    """First byte and end of what a tag introduces; (-1, -1) if it is not there as a whole."""
    if at < 0 or at >= end or buffer[at] != tag:
        return np.int64(-1), np.int64(-1)
    at += 1
    size, shift = np.int64(0), 0
    while at < end and shift < 35:
        byte = np.int64(buffer[at])
        at += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            if size < LENGTH_LIMIT and size <= end - at:
                return at, at + size
            break
    return np.int64(-1), np.int64(-1)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count_varints(buffer: Any, at: Any, end: Any) -> Any:
    """How many varints of at most 64 bits lie there; -1 if other bytes do."""
    count, length = 0, 0
    for place in range(at, end):
        length += 1
        if buffer[place] < 0x80:
            if length == VARINT_BYTES and buffer[place] > 1:
                return -1
            count += 1
            length = 0
        elif length == VARINT_BYTES:
            return -1
    return count if length == 0 else -1


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count_pieces(buffer: Any, at: Any, end: Any) -> Any:
    """How many pieces of bytes lie there; -1 if other bytes do."""
    count = 0
    while at < end:
        _, at = _body(buffer, at, end, FIRST)
        if at < 0:
            return -1
        count += 1
    return count


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _feature(buffer: Any, at: Any, end: Any) -> Any:
    """(kind, start, end, count) of a feature's list; kind -1 if it is not plain."""
    if at == end:
        return ABSENT, at, end, 0
    tag = buffer[at]
    first, last = _body(buffer, at, end, tag)
    if last != end or (tag != FIRST and tag != SECOND and tag != THIRD):
        return -1, at, end, 0
    if tag == FIRST:
        count = _count_pieces(buffer, first, last)
        return BYTES if count >= 0 else -1, first, last, count
    kind = FLOATS if tag == SECOND else INTEGERS
    if first == last:
        return kind, first, last, 0
    first, last = _body(buffer, first, last, FIRST)
    if last != end:
        return -1, at, end, 0
    if kind == FLOATS:
        return kind if (last - first) % 4 == 0 else -1, first, last, (last - first) // 4
    count = _count_varints(buffer, first, last)
    return kind if count >= 0 else -1, first, last, count


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _is_key(buffer: Any, at: Any, end: Any, keys: Any, splits: Any, field: Any) -> Any:
    begin = splits[field]
    if splits[field + 1] - begin != end - at:
        return False
    place = 0
    while place < end - at and buffer[at + place] == keys[begin + place]:
        place += 1
    return place == end - at


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find(buffer: Any, at: Any, end: Any, keys: Any, splits: Any, guess: Any) -> Any:
    """The field of a key; -1 for none, -2 for none if the key may not even be UTF-8."""
    if guess >= 0 and _is_key(buffer, at, end, keys, splits, guess):
        return guess
    for field in range(len(splits) - 1):
        if _is_key(buffer, at, end, keys, splits, field):
            return field
    for place in range(at, end):
        if buffer[place] >= 0x80:
            return -2
    return -1


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _walk(buffer: Any, start: Any, end: Any, names: Any, kind: Any, found: Any, plain: Any) -> None:
    guesses = np.full(MANY, -1, np.int64)  # records of one producer have their keys in one order
    for row in range(len(start)):
        plain[row] = _record(buffer, start[row], end[row], names, guesses, kind[row], found[row])


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _record(buffer: Any, at: Any, end: Any, names: Any, guesses: Any, kind: Any, found: Any) -> Any:
    keys, splits = names
    at, last = _body(buffer, at, end, FIRST)
    if last != end:
        return False
    order = 0
    while at < end:
        entry, entry_end = _body(buffer, at, end, FIRST)
        key, key_end = _body(buffer, entry, entry_end, FIRST)
        value, value_end = _body(buffer, key_end, entry_end, SECOND)
        if entry < 0 or key < 0 or value < 0 or value_end != entry_end:
            return False
        known = order < MANY
        field = _find(buffer, key, key_end, keys, splits, guesses[order] if known else -1)
        form, first, stop, count = _feature(buffer, value, value_end)
        if form < 0 or field == -2 or (field >= 0 and found[field, 0] != 0):
            return False
        if field >= 0:
            kind[field], found[field, 0] = form, first
            found[field, 1], found[field, 2] = stop - first, count
        if known:
            guesses[order] = field
        order += 1
        at = entry_end
    return True


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _integers(buffer: Any, start: Any, end: Any, values: Any) -> None:
    used = 0
    for row in range(len(start)):
        value, shift = np.uint64(0), np.uint64(0)
        for place in range(start[row], end[row]):
            byte = np.uint64(buffer[place])
            value |= (byte & np.uint64(0x7F)) << shift
            shift += np.uint64(7)
            if byte < 0x80:
                values[used] = np.int64(value)
                used += 1
                value, shift = np.uint64(0), np.uint64(0)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _pieces(buffer: Any, start: Any, end: Any, pieces: Any) -> None:
    used = 0
    for row in range(len(start)):
        at = start[row]
        while at < end[row]:
            first, at = _body(buffer, at, end[row], FIRST)
            pieces[0, used], pieces[1, used] = first, at - first
            used += 1
