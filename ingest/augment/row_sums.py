"""Sums of rows, whose outcomes do not depend on how many rows there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["row_sums"]


def row_sums(values: tf.Tensor) -> tf.Tensor:
    """[b]: the sum of each row of floats [b, n], by halves.

    `tf.reduce_sum` adds up a single row in another order than several, and so rounds otherwise.
    """
    import tensorflow as tf

    size = 1 << max(int(values.shape[1]) - 1, 0).bit_length()
    values = tf.pad(values, [[0, 0], [0, size - int(values.shape[1])]])
    while size > 1:
        size //= 2
        values = values[:, :size] + values[:, size:]
    return values[:, 0]
