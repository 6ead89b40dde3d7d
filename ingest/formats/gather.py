"""Spans that are scattered over a buffer, copied one behind another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from ingest.ragged import Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["gather_spans"]


def gather_spans(
    buffer: NDArray[np.uint8], start: NDArray[np.int64], length: NDArray[np.int64]
) -> Ragged:
    """Copy spans one behind another.

    Args:
        buffer: uint8 [m].
        start: int64 [n], within the buffer.
        length: int64 [n], not negative, each span within the buffer.

    Returns:
        Of uint8, a row per span.
    """
    splits = np.zeros(len(start) + 1, np.int64)
    np.cumsum(length, out=splits[1:])
    values = np.empty(int(splits[-1]), np.uint8)
    if len(values):
        _copy(buffer, start, splits, values)
    return Ragged(values, splits)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _copy(
    buffer: NDArray[np.uint8],
    start: NDArray[np.int64],
    splits: NDArray[np.int64],
    values: NDArray[np.uint8],
) -> None:
    for row in range(len(start)):
        first, begin = start[row], splits[row]
        for at in range(splits[row + 1] - begin):
            values[begin + at] = buffer[first + at]
