"""Which message of its file a framed Protobuf payload is: Confluent's message indexes.

Between frame and payload stands a list of zigzag varints: their number, then the place of the
message in the file, of the message within that one, and so on. The first message of a file, [0],
is written as a single 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.compiled import compiled, entry, fingerprint
from ingest.formats.binary.wire_bytes import read_zigzag

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DEEPEST", "read_indexes"]

DEEPEST = 8
LONGEST_VARINT = 5


def read_indexes(
    buffer: NDArray[np.uint8], start: NDArray[np.int64], length: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Read the message indexes at the beginning of some spans.

    Args:
        buffer: uint8 [m].
        start: int64 [n], within the buffer.
        length: int64 [n], not negative, within the buffer.

    Returns:
        int32 [n, DEEPEST], the indexes, and -1 behind them; and int64 [n], how many bytes they
        take, or -1 where there are none that can be read: cut off, negative, or deeper than
        DEEPEST.
    """
    paths = np.full((len(start), DEEPEST), -1, np.int32)
    taken = np.empty(len(start), np.int64)
    _read(buffer, start, length, paths, taken)
    return paths, taken


@entry(fingerprint(__file__, "../binary/wire_bytes.py"))
def _read(
    buffer: NDArray[np.uint8],
    start: NDArray[np.int64],
    length: NDArray[np.int64],
    paths: NDArray[np.int32],
    taken: NDArray[np.int64],
) -> None:
    for row in range(len(start)):
        at, end = start[row], start[row] + length[row]
        count, at = _read_index(buffer, at, end)
        if count < 0 or count > DEEPEST:
            taken[row] = -1
            continue
        if count == 0:
            paths[row, 0] = 0
        for level in range(count):
            index, at = _read_index(buffer, at, end)
            if index < 0:
                at = -1
                break
            paths[row, level] = index
        taken[row] = at - start[row] if at >= 0 else -1


@compiled
def _read_index(buffer: NDArray[np.uint8], at: int, end: int) -> Any:
    """An index, to 2**31 - 1, and the place behind it; -1 as the index if there is none."""
    begin = at
    value, found, at = read_zigzag(buffer, at, end)
    if found or value >= 2**31 or at - begin > LONGEST_VARINT:
        return np.int64(-1), at
    return value, at
