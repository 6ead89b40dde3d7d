"""Spans that are scattered over a buffer, copied one behind another, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["copy_spans"]


def copy_spans(
    buffer: NDArray[np.uint8], start: NDArray[np.int64], splits: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Copy spans one behind another.

    Args:
        buffer: uint8[m], contiguous.
        start: int64[n], where each span begins; it must lie within the buffer as a whole.
        splits: int64[n + 1], where each begins in the copy, and where the last one ends.

    Returns:
        uint8[splits[n]].
    """
    values = np.empty(int(splits[-1]), np.uint8)
    if len(values):
        source = buffer.view()
        source.flags.writeable = False  # one type, compiled once
        _copy(source, start, splits, values)
    return values


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _copy(
    buffer: NDArray[np.uint8],
    start: NDArray[np.int64],
    splits: NDArray[np.int64],
    values: NDArray[np.uint8],
) -> None:
    for row in range(len(start)):
        # Unsigned: for signed indices numba looks whether they are negative, byte by byte.
        first, begin = np.uint64(start[row]), np.uint64(splits[row])
        for at in range(np.uint64(splits[row + 1]) - begin):
            values[begin + at] = buffer[first + at]
