"""Places and bytes shared among strata whose rows differ in size.

Places alone are given out one by one. With rows that differ in size, that would let rows come back
in that were out: a small row that takes the place of a large one would leave bytes to others. So
here each stratum fills up to one level, which is set by what all strata ask for, and that only
grows as rows come: the level only falls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.sampling.lines import Lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["below_level"]


def below_level(
    lines: Lines,
    parts: NDArray[np.float64],
    is_barred: NDArray[np.bool_],
    sizes: NDArray[np.int64],
    bounds: tuple[int, float],
) -> NDArray[np.bool_]:
    """Bool[n]: which rows get a place.

    What a line takes up to a row is its rank, or its bytes in places of `bytes / places` each,
    whichever is more; so both bounds hold.

    Args:
        lines: of the rows.
        parts: float64[n], of the row's stratum, beside those of others.
        is_barred: which rows never get a place; their strata count as if they filled their part.
        sizes: int64[n], bytes.
        bounds: places, and bytes of all rows that have one.
    """
    if not len(parts):
        return is_barred
    places, most = bounds
    taken = np.maximum(lines.rank, lines.sums(sizes) * (places / most))
    height = np.where(is_barred, np.inf, taken / parts)
    last = lines.last()
    by_height = last[np.argsort(height[last], kind="stable")]
    levels = _levels(taken[by_height], parts[by_height], float(parts[last].sum()), places)
    over = np.flatnonzero(height[by_height] > levels)
    level = levels[over[0]] if len(over) else np.inf
    return (height <= level) & ~is_barred


def _levels(
    taken: NDArray[np.float64], parts: NDArray[np.float64], whole: float, places: int
) -> NDArray[np.float64]:
    """float64[s]: the level of each line and of those after it, if those before it are all in."""
    # Sums are made of the lines that are all in: nobody knows how long the others are.
    full = np.concatenate([[0.0], np.cumsum(taken)[:-1]])
    rest = whole - np.concatenate([[0.0], np.cumsum(parts)[:-1]])
    levels: NDArray[np.float64] = (places - full) / np.maximum(rest, parts.min())
    return levels
