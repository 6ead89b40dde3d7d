"""Warm-up: a learning rate that begins small and grows to its own value in some steps.

A schedule of Keras goes on over rounds by itself, since `optimizer.iterations` is in the
checkpoint, and so is a plain learning rate that a callback has changed. A warm-up is part of one
round: it is a factor, a function of the batches of the round alone, and no variable holds it.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import tensorflow as tf


def warm_up_factor(done: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Return the factor of the learning rate for the batch after `done` ones: float32 in (0, 1].

    Args:
        done: Batches of the round before this one.
        steps: Batches until the factor is 1; the first one's is 1 / steps.
    """
    grown = tf.cast(done + 1, tf.float32) / tf.cast(steps, tf.float32)
    return tf.minimum(grown, 1.0)


def innermost(optimizer: keras.optimizers.Optimizer) -> Sequence[keras.optimizers.Optimizer]:
    """Return the optimizers that hold a learning rate: what a wrapping one wraps, or itself."""
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is not None:
        return innermost(inner)
    several = getattr(optimizer, "optimizers", None)
    return [one for each in several for one in innermost(each)] if several else [optimizer]


@contextmanager
def scaled_rate(optimizer: keras.optimizers.Optimizer, factor: tf.Tensor) -> Iterator[None]:
    """Let steps that are traced within use the learning rate times `factor`.

    Weight decay goes along, as it is a part of the rate. `optimizer.learning_rate` is what it was
    outside, also for callbacks.
    """
    with ExitStack() as stack:
        for each in innermost(optimizer):
            stack.enter_context(_scaled(each, factor))
        yield


@contextmanager
def _scaled(optimizer: Any, factor: tf.Tensor) -> Iterator[None]:
    own = optimizer._get_current_learning_rate

    def scaled() -> tf.Tensor:
        rate = tf.convert_to_tensor(own())
        return rate * tf.cast(factor, rate.dtype)

    optimizer._get_current_learning_rate = scaled
    try:
        yield
    finally:
        del optimizer._get_current_learning_rate
