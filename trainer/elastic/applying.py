"""How the sum of all replicas' gradients changes the weights: at once, or after several batches.

Keras gathers gradients of several batches in variables of the optimizer, and decides in each
replica whether it is time for a step, where TensorFlow cannot let replicas wait for each other.
Here it is decided outside of them, by the same count, with the same variables.
"""

from contextlib import ExitStack
from typing import Any

import keras
import tensorflow as tf

from trainer.elastic.seams import accumulators, iterations, stepping_at_once
from trainer.fit.schedule import scaled_rate

__all__ = ["Applying"]


class Applying:
    """Changes the weights of a model by gradients that are the sum over all replicas already."""

    def __init__(
        self, model: keras.Model, strategy: tf.distribute.Strategy, *, alone: bool
    ) -> None:
        """`alone` says that Keras can do all of it."""
        self._model = model
        self._strategy = strategy
        self._batches = 0 if alone else model.optimizer.gradient_accumulation_steps or 0

    @property
    def gathers(self) -> bool:
        """Whether gradients, dense ones, are to be given to `gather` after all replicas ran."""
        return self._batches > 1

    def apply(self, gradients: list[Any], factor: Any) -> None:
        """Change the weights, in a replica; `factor` is that of the learning rate, or None."""
        optimizer, weights = self._model.optimizer, self._model.trainable_weights
        with ExitStack() as stack:
            if factor is not None:
                stack.enter_context(scaled_rate(optimizer, factor))
            optimizer.apply_gradients(zip(gradients, weights, strict=True))

    def gather(self, gradients: list[tf.Tensor], factor: Any) -> None:
        """Keep the gradients of a batch, or change the weights by the mean of those kept."""
        due = (iterations(self._model.optimizer) + 1) % self._batches == 0

        def run(function: Any) -> tf.Tensor:
            self._strategy.run(function, args=(gradients, factor))
            return tf.constant(0)

        tf.cond(due, lambda: run(self._step), lambda: run(self._keep))

    def _step(self, gradients: list[tf.Tensor], factor: Any) -> None:
        kept = accumulators(self._model.optimizer)
        means = [(g + own) / self._batches for g, own in zip(gradients, kept, strict=True)]
        with stepping_at_once(self._model.optimizer):
            self.apply(means, factor)
        for own in kept:
            own.assign(tf.zeros(own.shape, own.dtype))

    def _keep(self, gradients: list[tf.Tensor], _: Any) -> None:
        optimizer = self._model.optimizer
        for own, gradient in zip(accumulators(optimizer), gradients, strict=True):
            own.assign(gradient + own)
        iterations(optimizer).assign_add(1)
