"""Rows that lie here and there, put one behind another, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.formats.compiled import entry
from ingest.formats.json_strings import unescape

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["gather_elements", "gather_texts"]


@entry
def gather_texts(
    buffer: NDArray[np.uint8],
    start: NDArray[np.int64],
    size: NDArray[np.int64],
    default: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Texts from the insides of strings, as values and splits of a `Ragged`.

    Args:
        buffer: the bytes.
        start: int64[n], where each inside begins; -1 for a row that gets the default.
        size: int64[n], bytes of each; `~size` of one that has escapes.
        default: the text for rows without one.
    """
    room = 0
    for row in range(len(start)):
        room += len(default) if start[row] < 0 else max(size[row], ~size[row])
    values, splits = np.empty(room, np.uint8), np.zeros(len(start) + 1, np.int64)
    used = 0
    for row in range(len(start)):
        at, many = start[row], size[row]
        if at < 0:
            values[used : used + len(default)] = default
            used += len(default)
        elif many < 0:
            used = unescape(buffer, at, at + ~many, values, used)
        else:
            for place in range(many):
                values[used + place] = buffer[at + place]
            used += many
        splits[row + 1] = used
    return values[:used], splits


@entry
def gather_elements(
    pool: NDArray[np.int64], start: NDArray[np.int64], size: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lists from a pool, as values and splits of a `Ragged`.

    Args:
        pool: the elements.
        start: int64[n], where each row begins in the pool.
        size: int64[n], elements of each.
    """
    splits = np.zeros(len(start) + 1, np.int64)
    for row in range(len(start)):
        splits[row + 1] = splits[row] + size[row]
    values = np.empty(splits[-1], np.int64)
    for row in range(len(start)):
        values[splits[row] : splits[row + 1]] = pool[start[row] : start[row] + size[row]]
    return values, splits
