"""Random numbers of single rows, as TensorFlow ops: a function of the row's seed alone.

TensorFlow's stateless ops take one seed for a whole tensor, so that a row's numbers would depend on
its place in the batch. Here each row has a SplitMix64 sequence of its own [Steele, Lea & Flood
2014]; `salt` tells the draws of one augmentation apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ingest.augment.elementwise import elementwise

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["below", "bits", "fold", "integers", "normal", "uniform"]

GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def fold(seeds: tf.Tensor, number: int) -> tf.Tensor:
    """uint64 [b]: other seeds, independent of these and of those of other numbers."""
    return _mix(seeds + _uint64((number * GOLDEN + FIRST) % 2**64))


def bits(seeds: tf.Tensor, salt: int, shape: Sequence[int] = ()) -> tf.Tensor:
    """uint64 [b, *shape]: well-mixed bits.

    Args:
        seeds: uint64 [b].
        salt: numbers with different salts are independent.
        shape: of each row's numbers.
    """
    import tensorflow as tf

    count = math.prod(shape)
    steps = tf.constant(np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GOLDEN))
    drawn = _mix(fold(seeds, salt)[:, None] + steps[None])
    return tf.reshape(drawn, (-1, *shape))


def uniform(
    seeds: tf.Tensor, salt: int, shape: Sequence[int] = (), low: float = 0.0, high: float = 1.0
) -> tf.Tensor:
    """float32 [b, *shape], from `low` up to below `high`, 24 bits each; see `bits`."""
    import tensorflow as tf

    share = tf.cast(_shift(bits(seeds, salt, shape), 40), tf.float32) * 2.0**-24
    return low + share * (high - low)


def normal(seeds: tf.Tensor, salt: int, shape: Sequence[int] = ()) -> tf.Tensor:
    """float32 [b, *shape], mean 0 and variance 1, by Box and Muller (1958); see `bits`."""
    import tensorflow as tf

    drawn = bits(seeds, salt, shape)
    radius = (tf.cast(_shift(drawn, 40), tf.float32) + 0.5) * 2.0**-24
    angle = tf.cast(drawn & _uint64(2**24 - 1), tf.float32) * (2.0**-24 * 2 * math.pi)
    return tf.sqrt(-2.0 * elementwise(tf.math.log, radius)) * elementwise(tf.cos, angle)


def integers(seeds: tf.Tensor, salt: int, high: int, shape: Sequence[int] = ()) -> tf.Tensor:
    """int64 [b, *shape], from 0 up to below `high`, at most 2**31; see `bits`."""
    import tensorflow as tf

    return tf.cast(_shift(_shift(bits(seeds, salt, shape), 32) * _uint64(high), 32), tf.int64)


def below(seeds: tf.Tensor, salt: int, probability: float, shape: Sequence[int] = ()) -> tf.Tensor:
    """Bool [b, *shape]: true with a probability; see `bits`."""
    return uniform(seeds, salt, shape) < probability


def _mix(state: tf.Tensor) -> tf.Tensor:
    state = (state ^ _shift(state, 30)) * _uint64(FIRST)
    state = (state ^ _shift(state, 27)) * _uint64(SECOND)
    return state ^ _shift(state, 31)


def _shift(state: tf.Tensor, places: int) -> tf.Tensor:
    import tensorflow as tf

    return tf.bitwise.right_shift(state, _uint64(places))


def _uint64(number: int) -> tf.Tensor:
    import tensorflow as tf

    return tf.constant(number, tf.uint64)
