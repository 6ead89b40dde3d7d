"""The rows that one worker has of a global batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

__all__ = ["Batch"]


@dataclass(frozen=True)
class Batch:
    """Own rows of a global batch, as tensors; b, their number, may be 0.

    Attributes:
        inputs: Structure of [b, ...], in the model's form.
        labels: [b, ...].
        weights: Float [b], the user's own.
        rows: int32 scalar: rows of the whole batch.
        at: int32[b]: the places of the rows in it.
        share: int32[b]: the number of each row's partition.
    """

    inputs: Any
    labels: tf.Tensor
    weights: tf.Tensor
    rows: tf.Tensor
    at: tf.Tensor
    share: tf.Tensor

    @staticmethod
    def of(element: Any) -> "Batch":
        """Read an element (inputs, label, weight, place) of a dataset."""
        inputs, labels, weights, place = element
        return Batch(inputs, labels, weights, place["rows"], place["at"], place["share"])

    @property
    def count(self) -> tf.Tensor:
        """int32 scalar: b."""
        return tf.shape(self.at)[0]

    def ordered(self) -> "Batch":
        """Return the rows partition by partition, in each by their places."""
        key = tf.cast(self.share, tf.int64) * 2**32 + tf.cast(self.at, tf.int64)
        order = tf.argsort(key)
        return self._each(lambda column: tf.gather(column, order))

    def cut(self, begin: tf.Tensor, end: tf.Tensor) -> "Batch":
        """Return the rows from `begin` to before `end`."""
        return self._each(lambda column: column[begin:end])

    def kept(self, mask: tf.Tensor) -> "Batch":
        """Return the rows whose bool in mask [b] is true."""
        return self._each(lambda column: tf.boolean_mask(column, mask))

    def _each(self, function: Callable[[Any], Any]) -> "Batch":
        columns = (self.inputs, self.labels, self.weights)
        inputs, labels, weights = tf.nest.map_structure(function, columns)
        return Batch(inputs, labels, weights, self.rows, function(self.at), function(self.share))
