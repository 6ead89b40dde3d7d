"""Losses of a part of a batch, such that those of all parts add up to the loss of the batch.

Keras divides the loss of the rows that it is given by their number, or by their weights. A part's
loss is to be divided by what the whole batch has of it. With one part they are the same.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from trainer.elastic.seams import compiled_loss
from trainer.errors import ModelError
from trainer.few_lengths import MEANS

__all__ = ["PartLoss", "reduction_of", "weight_losses"]

_KNOWN = {*MEANS, "sum", "mean_with_sample_weight"}


def reduction_of(model: keras.Model) -> str:
    """Return how the model's loss becomes one number.

    Raises:
        ModelError: In another way than Keras's own.
    """
    found = next(loss for loss in tree.flatten(model.loss) if loss is not None)
    loss = keras.losses.get(found)
    if not isinstance(loss, keras.losses.Loss):
        return "sum_over_batch_size"
    if loss.reduction in _KNOWN and type(loss).__call__ is keras.losses.Loss.__call__:
        return str(loss.reduction)
    own = type(loss).__call__ is not keras.losses.Loss.__call__
    raise ModelError(
        "the model's loss",
        expected=f"a reduction that workers can add up: {', '.join(sorted(_KNOWN))}",
        got=f"{type(loss).__name__}, with a __call__ of its own" if own else repr(loss.reduction),
        mend="give it such a reduction, and write call() only",
    )


def weight_losses(model: keras.Model) -> list[tf.Tensor]:
    """Return what the regularisers of the weights in training add to a loss, whatever the rows."""
    weights = model.trainable_weights
    return [weight.regularizer(weight) for weight in weights if weight.regularizer is not None]


class PartLoss:
    """The compiled loss of a part of a batch."""

    def __init__(self, model: keras.Model) -> None:
        """Find the loss.

        Raises:
            ModelError: It is reduced in a way that workers cannot add up.
        """
        self.reduction = reduction_of(model)
        self._loss = compiled_loss(model)

    def __call__(
        self,
        part: tuple[Any, Any, Any],
        rows: tf.Tensor,
        total_weight: Callable[[tf.Tensor], tf.Tensor],
    ) -> tf.Tensor:
        """Return what a part adds to the loss of its batch, without regularisation.

        Args:
            part: Labels, outputs and weights [b] of the rows; b may be 0.
            rows: int32 scalar: rows of the whole batch.
            total_weight: From the weight of the part to that of the whole batch; it is called
                only if the loss is divided by weights.
        """
        labels, outputs, weights = part
        dtype = keras.config.floatx()
        weights = tf.cast(weights, dtype)
        if self.reduction in MEANS:
            share = tf.cast(tf.shape(weights)[0], dtype) / tf.cast(rows, dtype)
            return self._loss(labels, outputs, weights * share)
        loss = self._loss(labels, outputs, weights)
        if self.reduction == "sum":
            return loss
        own = tf.reduce_sum(weights)
        return loss * tf.math.divide_no_nan(own, total_weight(own))

    def seen(
        self, part: tuple[Any, Any, Any], batch_rows: tf.Tensor, *, alone: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the loss of validation rows, and how much it counts, such that parts add up.

        The mean of the losses is what Keras shows of as many rows in batches of `batch_rows`, for
        a loss that is divided by rows exactly; for others if one batch holds them all.

        Args:
            part: Labels, outputs and weights [b].
            batch_rows: Scalar, as above.
            alone: Whether there is one part; then it is what Keras shows.
        """
        labels, outputs, weights = part
        dtype = keras.config.floatx()
        loss = self._loss(labels, outputs, tf.cast(weights, dtype))
        count = tf.cast(tf.shape(weights)[0], dtype)
        if alone:
            return loss, tf.shape(weights)[0]
        if self.reduction == "sum":
            return loss * tf.math.divide_no_nan(tf.cast(batch_rows, dtype), count), count
        if self.reduction == "mean_with_sample_weight":
            return loss, tf.reduce_sum(tf.cast(weights, dtype))
        return loss, count
