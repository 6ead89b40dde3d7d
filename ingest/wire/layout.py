"""Where the parts of a record batch of format 2 lie, and how its numbers are read.

https://kafka.apache.org/documentation/#recordbatch
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "ATTRIBUTES_AT",
    "CODEC_BITS",
    "CONTROL_BIT",
    "COUNT_AT",
    "CRC_AT",
    "FIRST_TIMESTAMP_AT",
    "HEADER_BYTES",
    "LARGEST",
    "LAST_DELTA_AT",
    "LEADER_EPOCH_AT",
    "LENGTH_AT",
    "LENGTH_END",
    "LOG_APPEND_BIT",
    "MAGIC_AT",
    "MAX_TIMESTAMP_AT",
    "PRODUCER_ID_AT",
    "SMALLEST_LEGACY",
    "SMALLEST_RECORD",
    "TRANSACTIONAL_BIT",
    "read_int",
    "read_varint",
]

LENGTH_AT, LENGTH_END, LEADER_EPOCH_AT, MAGIC_AT, CRC_AT, ATTRIBUTES_AT = 8, 12, 12, 16, 17, 21
LAST_DELTA_AT, FIRST_TIMESTAMP_AT, MAX_TIMESTAMP_AT, PRODUCER_ID_AT = 23, 27, 35, 43
COUNT_AT, HEADER_BYTES = 57, 61
CODEC_BITS, LOG_APPEND_BIT, TRANSACTIONAL_BIT, CONTROL_BIT = 0x07, 0x08, 0x10, 0x20
# A message of format 0 without key and value; and a record of seven fields of one byte each.
SMALLEST_LEGACY, SMALLEST_RECORD = 26, 7
LARGEST = 2**63 - 1


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def read_int(buffer: NDArray[np.uint8], at: int, size: int) -> int:
    """The big-endian signed integer of `size` bytes at a place; the bytes must be there."""
    value = np.int64(0)
    for index in range(size):
        value = (value << 8) | np.int64(buffer[at + index])
    spare = 64 - 8 * size
    return (value << spare) >> spare  # type: ignore[return-value]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def read_varint(buffer: NDArray[np.uint8], at: int, end: int, longest: int) -> tuple[int, int]:
    """A zigzag varint of at most `longest` bytes: 5 for 32 bits, 10 for 64.

    Returns:
        The value, and the place behind it: -1 if it does not end before `end` or within its bits,
        or if `at` is -1 already, so that a row of reads needs one check only.
    """
    if at < 0 or at >= end:
        return 0, -1
    byte = np.int64(buffer[at])
    # Nearly all of them have one byte.
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1  # type: ignore[return-value]
    return _long_varint(buffer, at, end, longest)  # type: ignore[no-any-return]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _long_varint(buffer: NDArray[np.uint8], at: int, end: int, longest: int) -> tuple[int, int]:
    byte = np.int64(buffer[at])
    raw = byte & 0x7F
    used = 1
    while byte >= 0x80:
        if used == longest or at + used >= end:
            return 0, -1
        byte = np.int64(buffer[at + used])
        if used == longest - 1 and byte >= (0x10 if longest == 5 else 2):
            return 0, -1
        raw |= (byte & 0x7F) << (7 * used)
        used += 1
    return ((raw >> 1) & LARGEST) ^ -(raw & 1), at + used  # type: ignore[return-value]
