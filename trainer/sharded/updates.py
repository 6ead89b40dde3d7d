"""Optimizers that update each part of a weight where it is.

Keras's optimizers compute outside of device scopes. Their slots lie beside the variables, but each
would come to the first device for its arithmetic, and go back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from trainer.sharded.finding import is_sharded

__all__ = ["update_in_place"]


def update_in_place(model: keras.Model) -> None:
    """Let a sharded model's optimizer compute each variable's step on the variable's own device.

    That is clipping, the decay of weights and the step itself; gradients stay where they are. What
    else an optimizer may do still is computed on the first device: moving averages of weights,
    accumulated gradients, the scaling of losses. No result changes by it. A model without sharded
    layers is left alone.

    The optimizer is built, if it was not: while a step is traced, slots are made on the first
    device. `trainer.Learner` calls this; to be called before another way to train, after `compile`.
    """
    if not is_sharded(model):
        return
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    step, decay = optimizer.update_step, optimizer._apply_weight_decay

    def step_there(gradient: Any, variable: Any, learning_rate: Any) -> None:
        with tf.device(variable.device):
            step(gradient, variable, learning_rate)

    def decay_there(variables: Sequence[keras.Variable]) -> None:
        for variable in variables:
            with tf.device(variable.value.device):
                decay([variable])

    optimizer.update_step, optimizer._apply_weight_decay = step_there, decay_there
    optimizer._clip_gradients = _clipping(optimizer)
    # With one replica there is nothing to sum, but all gradients would come together for it.
    optimizer._all_reduce_sum_gradients = list


def _clipping(optimizer: keras.optimizers.Optimizer) -> Callable[[Sequence[Any]], list[Any]]:
    """As the optimizer clips, each gradient on its device."""
    clip = optimizer._clip_gradients

    def clip_there(gradients: Sequence[Any]) -> list[Any]:
        if optimizer.global_clipnorm:
            return _clipped_by_global_norm(gradients, optimizer.global_clipnorm)
        clipped = []
        for gradient in gradients:
            with tf.device(gradient.device):
                clipped += clip([gradient])
        return clipped

    return clip_there


def _clipped_by_global_norm(gradients: Sequence[Any], most: float) -> list[Any]:
    """Keras's formula: only one number of each gradient leaves its device."""
    squares = []
    for gradient in gradients:
        with tf.device(gradient.device):
            squares.append(ops.sum(ops.square(gradient)))
    norm = ops.sqrt(ops.sum(ops.stack(squares)))
    factor = most * ops.minimum(1.0 / norm, 1.0 / most)
    factor += norm - norm  # NaN if the norm is not finite
    scaled = []
    for gradient in gradients:
        with tf.device(gradient.device):
            scaled.append(gradient * factor)
    return scaled
