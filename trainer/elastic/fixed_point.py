"""Sums that are the same in any order: numbers as whole multiples of 2^-48, added as int64.

A number that is smaller than half of a step counts as 0. The largest entries of all that is added
must sum to less than 2^14; `magnitude` tells when they do not, the same for any order and grouping.
"""

from collections.abc import Sequence

import tensorflow as tf

__all__ = ["RANGE", "STEP", "exact", "magnitude", "not_finite", "rounded", "too_large"]

STEP = 2.0**-48
RANGE = 2.0**14
# Magnitudes are added up, too: in steps of 2^-16, up to 2^40 each, so that 2^23 of them fit.
_COARSE = 2.0**16
_TOO_LARGE = 2.0**40


def exact(value: tf.Tensor) -> tf.Tensor:
    """Return the number of steps, int64; 0 for what is not finite, which `magnitude` tells."""
    wide = tf.cast(value, tf.float64)
    wide = tf.where(tf.math.is_finite(wide), wide, tf.zeros((), tf.float64))
    wide = tf.clip_by_value(wide, -RANGE, RANGE)
    return tf.cast(tf.round(wide / STEP), tf.int64)


def rounded(steps: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Return the number of that type that is nearest to so many steps."""
    return tf.cast(tf.cast(steps, tf.float64) * STEP, dtype)


def magnitude(values: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return int64[2]: the largest entry of all values, rounded up, and whether one is not finite.

    Such pairs are added up over what is summed; `too_large` and `not_finite` read the sum.
    """
    wide = [tf.abs(tf.cast(tf.reshape(value, [-1]), tf.float64)) for value in values]
    joined = tf.concat([tf.zeros([1], tf.float64), *wide], 0)
    finite = tf.reduce_all(tf.math.is_finite(joined))
    known = tf.where(tf.math.is_finite(joined), joined, tf.zeros((), tf.float64))
    largest = tf.math.ceil(tf.minimum(tf.reduce_max(known) * _COARSE, _TOO_LARGE))
    return tf.stack([tf.cast(largest, tf.int64), tf.cast(~finite, tf.int64)])


def too_large(magnitudes: tf.Tensor) -> tf.Tensor:
    """Return whether a sum may have left the range, of the sum of magnitudes int64[2]."""
    return magnitudes[0] >= tf.constant(int(RANGE * _COARSE), tf.int64)


def not_finite(magnitudes: tf.Tensor) -> tf.Tensor:
    """Return whether something that was summed was not finite."""
    return magnitudes[1] > 0
