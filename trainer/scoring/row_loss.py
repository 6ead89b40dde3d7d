"""The compiled loss of each row, before it becomes one number of a batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from trainer.errors import ModelError

__all__ = ["RowLoss"]


class RowLoss:
    """What the loss that a model was compiled with says about each row.

    Regularisation and losses that layers add are left out: they belong to no row. So are
    `loss_weights`, which weigh all rows alike. A loss that has a value for each of a row's
    outputs counts with their mean, or with their sum if that is how it is reduced in training.
    """

    def __init__(self, model: keras.Model) -> None:
        """Find the loss.

        Raises:
            ModelError: The model was compiled without one.
        """
        found = [loss for loss in tree.flatten(model.loss) if loss is not None]
        if not found:
            raise ModelError(
                "model",
                expected="a loss, for rows to be scored by it",
                got="compile() without one",
                mend='pass loss=..., for example loss="binary_crossentropy"',
            )
        loss = keras.losses.get(found[0])
        self._loss = loss if isinstance(loss, keras.losses.Loss) else _OfFunction(loss)
        self._sums = self._loss.reduction == "sum"

    def __call__(self, labels: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        """Return float[b].

        Args:
            labels: [b] or [b, ...].
            output: Of the model, [b] or [b, ...].

        Raises:
            ModelError: The loss gives one number for all rows.
        """
        if output.shape.rank == 1:
            output = output[:, tf.newaxis]
            labels = labels[:, tf.newaxis] if labels.shape.rank == 1 else labels
        with _unreduced(self._loss):
            values = tf.convert_to_tensor(self._loss(labels, output))
        if values.shape.rank == 0:
            raise ModelError(
                "the model's loss",
                expected="a number for each row",
                got="one number for all of them",
                mend="take the mean over the last axis only: keras.ops.mean(..., axis=-1)",
            )
        flat = tf.reshape(values, (tf.shape(values)[0], -1))
        return tf.reduce_sum(flat, 1) if self._sums else tf.reduce_mean(flat, 1)


class _OfFunction(keras.losses.Loss):  # type: ignore[misc]
    """A function of labels and outputs, given as Keras gives them to it."""

    def __init__(self, function: Any) -> None:
        super().__init__(name="row_loss")  # names of functions may be no names of scopes
        self._function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Call it with labels and outputs of one rank, if all that they differ in is an axis of 1.

        A label a row becomes [b, 1] where the output is [b, 1].
        """
        if y_pred.shape.rank == y_true.shape.rank + 1 and y_pred.shape[-1] == 1:
            y_true = y_true[..., tf.newaxis]
        elif y_true.shape.rank == y_pred.shape.rank + 1 and y_true.shape[-1] == 1:
            y_true = tf.squeeze(y_true, -1)
        return self._function(y_true, y_pred)


@contextmanager
def _unreduced(loss: keras.losses.Loss) -> Iterator[None]:
    """Make a loss give a value for each row: Keras has no other way to ask for them."""
    reduction, loss.reduction = loss.reduction, None
    try:
        yield
    finally:
        loss.reduction = reduction
