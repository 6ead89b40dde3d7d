"""Identity over many offsets of one partition, in one pass without the GIL.

Bit for bit what `ingest.identity.hash64` and `ingest.split.split` say; made for backlogs, where
millions of records a second are only looked at to see that they cannot enter a sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["at_most", "sides"]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
ONE, DROPPED = np.uint64(1), np.uint64(12)
A, B, C = np.uint64(30), np.uint64(27), np.uint64(31)


def sides(
    sequence: int, offsets: NDArray[np.int64], held: int, tested: int
) -> tuple[NDArray[np.int8], tuple[int, int, int]]:
    """The side of each record, and how many are on sides 0, 1 and 2.

    Args:
        sequence: `ingest.identity.sequence` of the partition, for the purpose "split".
        offsets: int64[n].
        held: number of the 2**52 places that are held out, the first ones.
        tested: number of these that are for tests, the first ones.

    Returns:
        int8[n] of 0 (train), 1 (validation) and 2 (test); records on each of them.
    """
    found = np.empty(len(offsets), np.int8)
    counts = _sides(np.uint64(sequence), offsets, np.uint64(held), np.uint64(tested), found)
    return found, counts


def at_most(sequence: int, offsets: NDArray[np.int64], place: int) -> NDArray[np.bool_]:
    """Bool[n]: whether a record's place, the upper 52 of its 64 bits, is at most `place`."""
    found = np.empty(len(offsets), np.bool_)
    _at_most(np.uint64(sequence), offsets, np.uint64(place), found)
    return found


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _place(sequence: np.uint64, offset: np.int64) -> np.uint64:
    state = sequence + (np.uint64(offset) + ONE) * GOLDEN
    state = (state ^ (state >> A)) * FIRST
    state = (state ^ (state >> B)) * SECOND
    return (state ^ (state >> C)) >> DROPPED


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sides(
    sequence: np.uint64,
    offsets: NDArray[np.int64],
    held: np.uint64,
    tested: np.uint64,
    found: NDArray[np.int8],
) -> tuple[int, int, int]:
    held_out, for_tests = 0, 0
    for row in range(len(offsets)):
        place = _place(sequence, offsets[row])
        side = np.int8(place < held) + np.int8(place < tested)
        found[row] = side
        held_out += side != 0
        for_tests += side == 2
    return len(offsets) - held_out, held_out - for_tests, for_tests


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _at_most(
    sequence: np.uint64, offsets: NDArray[np.int64], place: np.uint64, found: NDArray[np.bool_]
) -> None:
    for row in range(len(offsets)):
        found[row] = _place(sequence, offsets[row]) <= place
