"""Functions of single numbers, whose outcomes do not depend on where in a tensor the number is.

TensorFlow computes `log`, `exp`, `pow`, `sin`, `cos` and the like on a CPU in packets of numbers,
and the few that are left at the end of a tensor one by one, by other code that rounds otherwise. So
a row's number would depend on how many rows are in its batch. Sums, products, quotients and square
roots are exact to the last bit, and need no such care.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["elementwise"]

PACKET = 64
"""Numbers; no packet of a processor is longer."""


def elementwise(function: Callable[[tf.Tensor], tf.Tensor], numbers: tf.Tensor) -> tf.Tensor:
    """`function(numbers)`, the same bits for the same number in any tensor.

    Args:
        function: of each number alone, such as `tf.exp`; gives the shape that it is given.
        numbers: of any shape; behind them are put as many others as make the last packet whole.
    """
    import tensorflow as tf

    flat = tf.reshape(numbers, (-1,))
    padded = tf.pad(flat, [[0, PACKET]], constant_values=1)
    found = function(padded)[: tf.size(flat)]
    return tf.reshape(found, tf.shape(numbers)) if numbers.shape.rank != 1 else found
