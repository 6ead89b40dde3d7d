"""The smallest parts of Avro's binary encoding, and what can be wrong with them.

Format: Apache Avro 1.12, "Primitive Types". Every read is checked against the end of its record.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = [
    "CUT",
    "DEEP",
    "DEEPEST",
    "MANY",
    "MORE",
    "NEGATIVE",
    "NO_BOOL",
    "NO_BRANCH",
    "NO_INT",
    "NO_SYMBOL",
    "NO_TEXT",
    "OVERLONG",
    "PROBLEMS",
    "flaw_in_text",
    "read_bits",
    "read_long",
    "read_size",
    "read_text",
]

DEEPEST = 64
CUT, OVERLONG, NO_INT, NO_BOOL, NEGATIVE, NO_BRANCH, NO_SYMBOL, NO_TEXT, DEEP, MANY, MORE = range(
    1, 12
)
PROBLEMS = {
    CUT: "it ends too early",
    OVERLONG: "a whole number has more than 64 bits",
    NO_INT: "an int has more than 32 bits",
    NO_BOOL: "a boolean is neither 0 nor 1",
    NEGATIVE: "a length is negative",
    NO_BRANCH: "a union has no such branch",
    NO_SYMBOL: "an enum has no such symbol",
    NO_TEXT: "a string is not UTF-8",
    DEEP: f"it is nested deeper than {DEEPEST}",
    MANY: "it claims more elements than its bytes can hold",
    MORE: "bytes follow its end",
}


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def read_bits(buffer: Any, at: Any) -> Any:
    """Four bytes, the least significant first, that the caller knows to be there."""
    place = np.uint64(at)
    low = np.int64(buffer[place]) | np.int64(buffer[place + np.uint64(1)]) << np.int64(8)
    high = np.int64(buffer[place + np.uint64(2)]) | (
        np.int64(buffer[place + np.uint64(3)]) << np.int64(8)
    )
    return low | high << np.int64(16)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def read_long(buffer: Any, at: Any, end: Any) -> Any:
    """A zigzag varint: its value, a problem or 0, the place behind it."""
    value = np.uint64(0)
    for step in range(10):
        if at >= end:
            return np.int64(0), CUT, at
        byte = np.uint64(buffer[at])
        if step == 9 and byte > 1:
            return np.int64(0), OVERLONG, at
        at += 1
        value |= (byte & np.uint64(127)) << np.uint64(7 * step)
        if byte < 128:
            half = np.int64(value >> np.uint64(1))
            return (~half if value & np.uint64(1) else half), 0, at
    return np.int64(0), OVERLONG, at


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def read_size(buffer: Any, at: Any, end: Any) -> Any:
    """A length that the bytes behind it have: the length, a problem or 0, the place behind it."""
    size, found, at = read_long(buffer, at, end)
    if found == 0 and size < 0:
        found = NEGATIVE
    elif found == 0 and size > end - at:
        found = CUT
    return size, found, at


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def read_text(buffer: Any, at: Any, end: Any) -> Any:
    """A string: its length, a problem or 0, the place behind it."""
    size, found, at = read_size(buffer, at, end)
    if found:
        return size, found, at
    flaw = flaw_in_text(buffer, at, at + size)
    if flaw >= 0:
        return size, NO_TEXT, flaw
    return size, 0, at + size


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def flaw_in_text(buffer: Any, at: Any, stop: Any) -> Any:
    """Where bytes stop being UTF-8; -1 if they are."""
    while at < stop:
        if buffer[at] < 128:
            at += 1
            continue
        more = _more_bytes(buffer, at, stop)
        if more == 0:
            return at
        at += 1 + more
    return -1


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _more_bytes(buffer: Any, at: Any, stop: Any) -> Any:
    """How many bytes follow the first of a character in UTF-8 (Unicode, table 3-7); 0 for none."""
    first = buffer[at]
    more = 1 if 0xC2 <= first <= 0xDF else 2 if 0xE0 <= first <= 0xEF else 3
    if first < 0xC2 or first > 0xF4 or stop - at <= more:
        return 0
    low, high = 0x80, 0xBF
    if first == 0xE0:
        low = 0xA0
    elif first == 0xED:
        high = 0x9F
    elif first == 0xF0:
        low = 0x90
    elif first == 0xF4:
        high = 0x8F
    if not low <= buffer[at + 1] <= high:
        return 0
    for place in range(2, more + 1):
        if not 0x80 <= buffer[at + place] <= 0xBF:
            return 0
    return more
