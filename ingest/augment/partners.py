"""Rows mixed with a partner: who it is, what share it gets, and what becomes of the label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.augment.random import integers, uniform

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

__all__ = ["beta_quantiles", "drawn_from", "mixed", "partners"]

STEPS = 4096
"""Of the table; between two of them a quantile is interpolated."""
SHAPES = (0.01, 1000.0)
"""The smallest and the largest alpha of a Beta(alpha, alpha) that a table stands for."""


def beta_quantiles(alpha: float) -> NDArray[np.float32]:
    """float32[STEPS + 1]: the inverse of Beta(alpha, alpha)'s distribution function, 0 to 1."""
    from scipy.special import betaincinv

    table: NDArray[np.float32] = betaincinv(alpha, alpha, np.linspace(0, 1, STEPS + 1))
    return table.astype(np.float32)


def drawn_from(seeds: tf.Tensor, salt: int, quantiles: NDArray[np.float32]) -> tf.Tensor:
    """float32 [b]: numbers of a distribution, by its quantiles at even steps from 0 to 1.

    Args:
        seeds: uint64 [b].
        salt: see `ingest.augment.random`.
        quantiles: float32[m], m at least 2.
    """
    import tensorflow as tf

    place = uniform(seeds, salt, high=len(quantiles) - 1)
    whole = tf.minimum(tf.cast(place, tf.int32), len(quantiles) - 2)
    table, rest = tf.constant(quantiles), place - tf.cast(whole, tf.float32)
    low = tf.gather(table, whole)
    return low + rest * (tf.gather(table, whole + 1) - low)


def partners(seeds: tf.Tensor, salt: int, rows: int) -> tf.Tensor:
    """int64 [b]: for each row the place of another in the context; by chance it is the same."""
    return integers(seeds, salt, rows)


def mixed(own: tf.Tensor, other: tf.Tensor, share: tf.Tensor, seeds: tf.Tensor, salt: int) -> Any:
    """Values that are partly a row's own and partly its partner's, in their dtype and shape.

    Floats are interpolated. Other values, such as codes of classes, are the partner's with the
    probability of its share: so their expectation is interpolated.

    Args:
        own: [b, ...].
        other: the partners', of the same shape.
        share: float32 [b], from 0 to 1, of the own values.
        seeds: uint64 [b].
        salt: of the draw that decides where nothing can be interpolated.
    """
    import tensorflow as tf

    if own.dtype.is_floating:
        shares = tf.cast(tf.reshape(share, (-1,) + (1,) * (len(own.shape) - 1)), own.dtype)
        # Exact at a share of 1, which the form `other + shares * (own - other)` is not.
        return own * shares + other * (1 - shares)
    keeps = uniform(seeds, salt) < share
    return tf.raw_ops.Select(condition=keeps, x=own, y=other)
