"""The smallest parts of binary encodings: varints, fixed widths, UTF-8.

Every read is checked against an end; whoever calls knows that to be within the buffer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ingest.compiled import compiled

__all__ = ["CUT", "OVERLONG", "flaw_in_text", "read_bits", "read_varint", "read_zigzag"]

CUT, OVERLONG = 1, 2
VARINT_BYTES = 10


@compiled
def read_bits(buffer: Any, at: Any) -> Any:
    """Four bytes, the least significant first, that the caller knows to be there."""
    place = np.uint64(at)
    low = np.int64(buffer[place]) | np.int64(buffer[place + np.uint64(1)]) << np.int64(8)
    high = np.int64(buffer[place + np.uint64(2)]) | (
        np.int64(buffer[place + np.uint64(3)]) << np.int64(8)
    )
    return low | high << np.int64(16)


@compiled
def read_varint(buffer: Any, at: Any, end: Any) -> Any:
    """Seven bits a byte, the least significant first: uint64, CUT, OVERLONG or 0, the place behind.

    What is CUT or OVERLONG has the place where that shows.
    """
    value = np.uint64(0)
    for step in range(VARINT_BYTES):
        if at >= end:
            return value, CUT, at
        byte = np.uint64(buffer[at])
        if step == VARINT_BYTES - 1 and byte > 1:
            return value, OVERLONG, at
        at += 1
        value |= (byte & np.uint64(127)) << np.uint64(7 * step)
        if byte < 128:
            return value, 0, at
    return value, OVERLONG, at


@compiled
def read_zigzag(buffer: Any, at: Any, end: Any) -> Any:
    """A varint with its sign in the lowest bit: int64, a problem or 0, the place behind it."""
    value, found, at = read_varint(buffer, at, end)
    half = np.int64(value >> np.uint64(1))
    return (~half if value & np.uint64(1) else half), found, at


@compiled
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


@compiled
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
