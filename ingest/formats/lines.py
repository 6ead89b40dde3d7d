"""Values of a batch as lines of one buffer, for parsers that read lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["join_lines"]

NEWLINE, RETURN, OPEN, CLOSE = 10, 13, 123, 125


def join_lines(
    buffer: NDArray[np.uint8], start: NDArray[np.int64], length: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Copy values one after another, a newline behind each that could be a JSON object.

    Args:
        buffer: uint8 [m].
        start: int64 [n], within the buffer.
        length: int64 [n], not negative, within the buffer.

    Returns:
        The lines, and bool [n]: whether a value became one. It does if it begins with `{`, ends
        with `}` and has no line break, so that a line can hold no less than one object.
    """
    lines = np.empty(int(length.sum()) + len(length), np.uint8)
    taken = np.empty(len(length), np.bool_)
    used = _copy(buffer, start, length, lines, taken)
    return lines[:used], taken


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _copy(
    buffer: NDArray[np.uint8],
    start: NDArray[np.int64],
    length: NDArray[np.int64],
    lines: NDArray[np.uint8],
    taken: NDArray[np.bool_],
) -> int:
    at = 0
    for row in range(len(length)):
        begin, size = start[row], length[row]
        taken[row] = False
        if size < 2 or buffer[begin] != OPEN or buffer[begin + size - 1] != CLOSE:
            continue
        fine = True
        for index in range(size):
            byte = buffer[begin + index]
            if byte == NEWLINE or byte == RETURN:  # noqa: SIM109 - numba
                fine = False
                break
            lines[at + index] = byte
        if fine:
            lines[at + size] = NEWLINE
            at += size + 1
            taken[row] = True
    return at
