"""The compiled steps of a fine-tune: many in one call, over rows that TensorFlow already holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.compress.distill import soft_loss
from registry.compress.feeding import feed
from registry.compress.normalizing import call_normalizing, normalizing_layers
from registry.compress.subject import Examples
from registry.export import call

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

__all__ = ["TuningSteps"]


class TuningSteps:
    """Training steps and judgements over rows by their places. Nothing in it draws.

    Args:
        model: to train in place. It is compiled anew, without metrics.
        loss: as `compile` takes it; None where only the teacher counts.
        examples: all rows.
        teacher: what the model is to come near to, `[rows, ...]` as its output; None for no one.
        rates: the teacher's share of the loss; Adam's learning rate, or a schedule of it.
        normalizing: whether batch normalization trains by its batch, or keeps its statistics.
    """

    def __init__(
        self,
        model: keras.Model,
        loss: Any,
        examples: Examples,
        teacher: NDArray[np.float32] | None,
        rates: tuple[float, Any],
        *,
        normalizing: bool,
    ) -> None:
        import keras
        import tensorflow as tf

        self._model = model
        self._share, rate = rates
        self._run = call_normalizing if normalizing else call
        optimizer = keras.optimizers.Adam(rate)
        model.compile(optimizer=optimizer, loss=loss, jit_compile=False)
        optimizer.build(model.trainable_variables)
        self._optimizer = optimizer
        self._soft = soft_loss(model)
        weights = np.ones(len(examples)) if examples.weights is None else examples.weights
        rows = {
            "features": feed(model, examples),
            "labels": np.asarray(examples.labels),
            "weights": np.asarray(weights, np.float32),
        }
        if teacher is not None:
            rows["teacher"] = teacher
        with tf.device("CPU:0"):
            self._rows = tf.nest.map_structure(tf.constant, rows)
        places = tf.TensorSpec([None, None], tf.int32)
        chosen = tf.TensorSpec([None, None], tf.float32)
        self._train = tf.function(self._train_all).get_concrete_function(places)
        self._judge = tf.function(self._judge_all).get_concrete_function(places, chosen)

    @property
    def learns(self) -> list[Any]:
        """The variables that move: the trained ones, and moving statistics."""
        moving = [
            v for layer in normalizing_layers(self._model) for v in layer.non_trainable_weights
        ]
        return [*self._model.trainable_variables, *moving]

    def train(self, order: NDArray[np.int32]) -> None:
        """One step for each row of places, `[steps, batch]`."""
        import tensorflow as tf

        if self._model.trainable_variables:
            self._train(tf.constant(order))

    def judge(self, places: NDArray[np.int32], batch: int) -> float:
        """The mean loss of some rows, `[count]`, so many at a time."""
        import tensorflow as tf

        steps = -(-len(places) // batch)
        padded, counts = np.zeros(steps * batch, np.int32), np.zeros(steps * batch, np.float32)
        padded[: len(places)], counts[: len(places)] = places, 1.0
        order, counted = padded.reshape(steps, batch), counts.reshape(steps, batch)
        total = self._judge(tf.constant(order), tf.constant(counted))
        return float(total) * batch / len(places)

    def _train_all(self, order: Any) -> Any:
        import tensorflow as tf

        variables = [variable.value for variable in self._model.trainable_variables]
        for places in order:
            with tf.GradientTape() as tape:
                loss = self._loss(self._run, places, 1.0)
            gradients = tape.gradient(loss, variables)
            self._optimizer.apply_gradients(
                zip(gradients, self._model.trainable_variables, strict=True)
            )

    def _judge_all(self, order: Any, counted: Any) -> Any:
        import tensorflow as tf

        total = tf.zeros(())
        for step in tf.range(tf.shape(order)[0]):
            total += self._loss(call, order[step], counted[step])
        return total

    def _loss(self, run: Callable[[Any, Any], Any], places: Any, counted: Any) -> Any:
        import tensorflow as tf

        rows = tf.nest.map_structure(lambda column: tf.gather(column, places), self._rows)
        weights = rows["weights"] * counted
        output = run(self._model, rows["features"])
        loss = tf.zeros(())
        if self._share < 1:
            loss += (1.0 - self._share) * self._model.compute_loss(
                y=rows["labels"], y_pred=output, sample_weight=weights, training=False
            )
        if self._share > 0:
            distance = self._soft(rows["teacher"], output)
            loss += self._share * tf.reduce_mean(distance * weights)
        return loss
