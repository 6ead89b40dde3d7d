"""The loss and the metrics of a model as plain numbers, which workers can add up.

Every worker counts in states of its own, and what is shown is computed of their sum: right for
all metrics whose state is a sum over rows, as those of Keras are.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.elastic.seams import compiled_metrics, loss_tracker
from trainer.errors import ModelError

__all__ = ["MetricStates"]


class MetricStates:
    """Makes, counts and reads states: vectors float64[size] of all variables of all metrics.

    float64 holds every float32 and int32 exactly, so that a state that is put away and taken up
    again counts on as Keras's own does, bit for bit.
    """

    def __init__(self, model: keras.Model) -> None:
        """Know the metrics of `model`, which are built.

        Raises:
            ModelError: The state of a metric is not a sum over rows.
        """
        self._tracker = loss_tracker(model)
        self._compiled = compiled_metrics(model)
        self._variables = list(self._tracker.variables)
        if self._compiled is not None:
            self._variables += self._compiled.variables
        for variable in self._variables:
            if variable.aggregation != "sum":
                raise ModelError(
                    f'metric variable "{variable.path}"',
                    expected="a state that is a sum over rows, as workers add their states up",
                    got=f'aggregation="{variable.aggregation}"',
                    mend="make it with self.add_variable(...), which sums, or drop the metric",
                )
        sizes = [int(np.prod(variable.shape)) for variable in self._variables]
        self._ends = np.cumsum([0, *sizes])
        self.size = int(self._ends[-1])
        self._results = tf.function(self._read, autograph=False)

    def update(
        self, state: tf.Tensor, loss: tuple[Any, Any], rows: tuple[Any, Any, Any]
    ) -> tf.Tensor:
        """Return the state float64[size] after some rows.

        Args:
            state: Before them.
            loss: Their mean loss, and how much it counts.
            rows: Labels, outputs and weights.
        """
        values = self._split(state)
        count = len(self._tracker.variables)
        value, weight = loss
        done = self._tracker.stateless_update_state(values[:count], value, sample_weight=weight)
        if self._compiled is not None:
            labels, outputs, weights = rows
            done = done + self._compiled.stateless_update_state(
                values[count:], labels, outputs, sample_weight=weights
            )
        return tf.concat([tf.reshape(tf.cast(value, tf.float64), [-1]) for value in done], 0)

    def results(self, state: np.ndarray) -> dict[str, float]:
        """Return what Keras shows of a state: the loss, and the metrics by name."""
        read = self._results(tf.constant(state, tf.float64))
        return {name: float(value) for name, value in read.items()}

    def loss(self, state: np.ndarray) -> float:
        """Return the mean loss of a state, without TensorFlow."""
        total, count = state[:2]
        return float(total / count) if count else 0.0

    def _read(self, state: tf.Tensor) -> dict[str, Any]:
        values = self._split(state)
        count = len(self._tracker.variables)
        found = {"loss": self._tracker.stateless_result(values[:count])}
        if self._compiled is not None:
            found |= self._compiled.stateless_result(values[count:])
        return found

    def _split(self, state: tf.Tensor) -> list[tf.Tensor]:
        pairs = zip(self._ends, self._ends[1:], self._variables, strict=False)
        return [
            tf.reshape(tf.cast(state[begin:end], variable.dtype), variable.shape)
            for begin, end, variable in pairs
        ]


def added(states: Sequence[np.ndarray]) -> np.ndarray:
    """Return the sum of states, added in their order."""
    total = np.zeros_like(states[0])
    for state in states:
        total = total + state
    return total
