"""The last Dense layer of a model, apart from what comes before and after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from trainer.errors import ModelError

__all__ = ["LastLayer"]


@dataclass(frozen=True)
class LastLayer:
    """A model cut in three: what leads to its last Dense layer, the layer, what follows.

    Attributes:
        before: From the model's inputs to h [b, d], the layer's input.
        dense: The layer.
        after: Layers without weights that follow, such as Activation or Reshape.
    """

    before: keras.Model
    dense: keras.layers.Dense
    after: tuple[Any, ...]

    @classmethod
    def of(cls, model: keras.Model) -> "LastLayer":
        """Cut a model; its weights stay its own.

        Raises:
            ModelError: Its output is not that of a Dense layer of one row, or of layers without
                weights after it.
        """
        after: list[Any] = []
        tensor = model.outputs[0]
        while True:
            operation, given = _made_by(tensor)
            if _is_dense(operation):
                break
            if len(given) != 1 or getattr(operation, "weights", None):
                raise _refused(f"{type(operation).__name__} {operation.name}")
            after.insert(0, operation)
            tensor = given[0]
        if len(given[0].shape) != 2:
            raise _refused(f"Dense {operation.name} of input {tuple(given[0].shape)}")
        before = keras.Model(model.inputs, given[0], name="before_the_last_layer")
        return cls(before, operation, tuple(after))

    def hidden(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return h [b, d] in inference mode, for the model's inputs in the model's order."""
        found = self.before(list(inputs), training=False)
        return tf.cast(found, self.dense.compute_dtype)

    def pre_activation(self, hidden: tf.Tensor) -> tf.Tensor:
        """Return z [b, c] = h @ kernel + bias."""
        z = tf.linalg.matmul(hidden, tf.cast(self.dense.kernel, hidden.dtype))
        return z if self.dense.bias is None else z + tf.cast(self.dense.bias, hidden.dtype)

    def output(self, pre_activation: tf.Tensor) -> tf.Tensor:
        """Return the model's output for z."""
        found = pre_activation
        if self.dense.activation is not None:
            found = self.dense.activation(found)
        for operation in self.after:
            found = operation(found)
        return found


def _made_by(tensor: Any) -> tuple[Any, list[Any]]:
    """The operation that a symbolic tensor comes from, and the tensors that it was given."""
    history = tensor._keras_history
    return history.operation, history.operation._inbound_nodes[history.node_index].input_tensors


def _is_dense(operation: Any) -> bool:
    dense = keras.layers.Dense
    return isinstance(operation, dense) and type(operation).call is dense.call


def _refused(got: str) -> ModelError:
    return ModelError(
        "model",
        expected="a Dense layer at its end, whose gradient says how much a row matters",
        got=got,
        mend='use score = "loss", or end the model in keras.layers.Dense',
    )
