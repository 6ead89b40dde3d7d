"""Codes drawn as often as they were seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ingest.augment.random import integers

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

__all__ = ["drawn_places", "thresholds"]

WHOLE = 2**31


def thresholds(counts: NDArray[np.float64]) -> NDArray[np.int64]:
    """int64[m], rising up to 2**31: the cumulated shares of some counts.

    Args:
        counts: at least 0, of which one is more, [m].
    """
    shares = np.cumsum(counts)
    cut: NDArray[np.int64] = np.rint(shares / shares[-1] * WHOLE).astype(np.int64)
    return cut


def drawn_places(
    seeds: tf.Tensor, salt: int, shares: NDArray[np.int64], shape: Sequence[int] = ()
) -> tf.Tensor:
    """int32 [b, *shape]: each place in proportion to its count; one without counts is never drawn.

    This is the inverse of the distribution function, by bisection.

    Args:
        seeds: uint64 [b].
        salt: see `ingest.augment.random`.
        shares: from `thresholds`.
        shape: of each row's places.
    """
    import tensorflow as tf

    drawn = integers(seeds, salt, WHOLE, shape)
    found = tf.searchsorted(tf.constant(shares), tf.reshape(drawn, (-1,)), side="right")
    return tf.reshape(found, (-1, *shape))
