"""Smooth random curves over the steps of a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

__all__ = ["combined", "knot_curves"]


def knot_curves(knots: int, steps: int) -> NDArray[np.float64]:
    """float64 [knots + 2, steps]: what each knot weighs at each step.

    Knots are evenly spread, one at each end. From one to the next its weight falls from 1 to 0 as a
    cosine does, so that curves are smooth, weights sum to 1, and no curve is outside of its knots.
    """
    places = np.linspace(0, knots + 1, steps)
    away = np.abs(places[None] - np.arange(knots + 2)[:, None])
    return np.where(away < 1, 0.5 + 0.5 * np.cos(np.pi * np.minimum(away, 1)), 0)


def combined(numbers: tf.Tensor, curves: NDArray[np.float64]) -> tf.Tensor:
    """float32 [b, steps, channels]: the sum of the curves, each times its number of a row.

    A matrix product may add up in another order when there are other rows.

    Args:
        numbers: float32 [b, k, channels].
        curves: [k, steps].
    """
    import tensorflow as tf

    weights = tf.constant(curves[:, :, None], tf.float32)
    parts = [numbers[:, k, None] * weights[k] for k in range(len(curves))]
    return sum(parts[1:], parts[0])
