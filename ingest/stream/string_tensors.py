"""Texts as TensorFlow reads them from bytes, without an object per text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from ingest.ragged import Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["string_tensor"]

DTYPE_STRING = b"\x08\x07"  # field 1, dtype: DT_STRING
STRING_VAL = 0x42  # field 8, bytes
LONGEST_VARINT = 10
ONE, SEVEN, LOW_BITS, CONTINUED = (np.uint64(n) for n in (1, 7, 127, 128))


def string_tensor(texts: Ragged) -> bytes:
    """A serialized `TensorProto` of strings [n]; `tf.io.parse_tensor` makes the tensor of it.

    TensorFlow's tensor.proto: dtype (1), tensor_shape (2) of dim (2) of size (1), string_val (8).

    Args:
        texts: of uint8, a row per string.
    """
    size = b"\x08" + _varint(len(texts))
    dim = b"\x12" + _varint(len(size)) + size
    shape = b"\x12" + _varint(len(dim)) + dim
    room = np.empty(len(texts.values) + (1 + LONGEST_VARINT) * len(texts), np.uint8)
    used = _write(texts.values, texts.splits, room)
    return DTYPE_STRING + shape + room[:used].tobytes()


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _write(
    values: NDArray[np.uint8], splits: NDArray[np.int64], room: NDArray[np.uint8]
) -> np.uint64:
    at = np.uint64(0)  # unsigned as all indices here: numba then copies bytes in bulk
    for row in range(len(splits) - 1):
        first = np.uint64(splits[row])
        length = np.uint64(splits[row + 1]) - first
        room[at] = STRING_VAL
        at += ONE
        left = length
        while left > LOW_BITS:
            room[at] = left & LOW_BITS | CONTINUED
            at += ONE
            left >>= SEVEN
        room[at] = left
        at += ONE
        for index in range(length):
            room[at + index] = values[first + index]
        at += length
    return at
