"""The keys of rows: where each would stand in a sample, by its identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.identity import PLACES, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["base_keys", "last_place"]


def base_keys(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The keys of rows of weight 1, from their `hash64` for the purpose "sample"."""
    # u = 1 - v; the smallest keys have u near 1, where -ln u = -log1p(-v) keeps its precision.
    return np.log(-np.log1p(-unit(bits)))


def last_place(key: float, log_weight: float) -> int:
    """A place such that no row beyond it has a key as small as this one.

    Keys grow with places, but for rounding: keys that differ by d have places that differ by a
    share of d at least. Keys of weight 1 are below 37 in size and right to 2**-45, so 2**-40 is
    enough; a weight adds the rounding of its own size.

    Args:
        key: of the last row that is wanted.
        log_weight: the largest that a row has.
    """
    base = key + log_weight + (abs(key) + abs(log_weight)) * 2.0**-48
    place = int(-np.expm1(-np.exp(min(base, 700.0))) * PLACES)
    return min(place + (place >> 40) + 2, PLACES - 1)
