"""Whole numbers of any width, as decimals hold them, many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.compiled import Bytes, Longs, entry, fingerprint

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_decimals"]


def read_decimals(
    buffer: NDArray[np.uint8], start: NDArray[np.int64], length: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Whole numbers in two's complement, the most significant byte first.

    Args:
        buffer: uint8 [m].
        start: int64 [n].
        length: int64 [n], each span within the buffer.

    Returns:
        int64 [n]; and bool [n], whether it is the number, and exact as a float64.
    """
    whole, exact = np.zeros(len(start), np.int64), np.zeros(len(start), np.bool_)
    _read_decimals(buffer, start, length, whole, exact)
    return whole, exact


@entry(fingerprint(__file__))
def _read_decimals(
    buffer: Bytes, start: Longs, length: Longs, whole: Longs, exact: NDArray[np.bool_]
) -> None:
    for row in range(len(start)):
        value, fits = np.int64(0), True
        for place in range(length[row]):
            byte = np.int64(buffer[start[row] + place])
            if place == 0 and byte >= 128:
                value = np.int64(-1)
            if not -(2**45) < value < 2**45:
                fits = False
            value = (value << np.int64(8)) | byte
        whole[row], exact[row] = value, fits
