"""One gradient per partition, summed exactly: the same bits for any number of workers.

A partition's rows of a batch are together on one worker, in one order, whoever that is. So its
gradient has the same bits for any number of workers, and so has a sum that does not depend on
its order (`trainer.elastic.fixed_point`). All that follows is computed from that sum.
"""

from typing import Any

import keras
import tensorflow as tf

from trainer.elastic.batch import Batch
from trainer.elastic.changes import Changes, changes_of, seed_states
from trainer.elastic.draws import rows_at
from trainer.elastic.fixed_point import exact, magnitude, not_finite, rounded, too_large
from trainer.elastic.losses import PartLoss, weight_losses
from trainer.elastic.states import MetricStates
from trainer.errors import ModelError

__all__ = ["ByPartition"]


class ByPartition:
    """What a replica does with its rows of a batch, and with the sum of all replicas' gradients."""

    def __init__(self, model: keras.Model, states: MetricStates) -> None:
        """Prepare.

        Raises:
            ModelError: The loss is divided by the rows' weights, or scaled.
        """
        self._model = model
        self._states = states
        self._loss = PartLoss(model)
        self._seeds = seed_states(model)
        if self._loss.reduction == "mean_with_sample_weight":
            raise _refused(
                "a loss that is divided by the number of rows",
                'reduction="mean_with_sample_weight"',
            )
        if model.optimizer.loss_scale_factor is not None:
            raise _refused("an optimizer without loss_scale_factor", "one that has it")

    def slots(self, states: tf.Tensor, batch: Batch) -> tf.Tensor:
        """Return the states float64[slots, size] with a slot for each partition in the batch."""
        needed = tf.reduce_max(tf.concat([[-1], batch.share], 0)) + 1
        more = tf.maximum(needed - tf.shape(states)[0], 0)
        return tf.pad(states, [[0, more], [0, 0]])

    def rows_of(self, batch: Batch, replica: Any, replicas: int) -> Batch:
        """Return the rows of one of this worker's replicas: whole partitions."""
        if replicas > 1:
            own = tf.unique(tf.sort(batch.share))[0]
            batch = batch.kept(tf.searchsorted(own, batch.share) % replicas == replica)
        return batch.ordered()

    def gradients(
        self, batch: Batch, states: tf.Tensor, _: Any
    ) -> tuple[list[Any], tf.Tensor, Changes]:
        """Return sums int64 to be summed, new states, and new values of variables that layers set.

        The last of the sums is of magnitudes.

        Raises:
            ModelError: The model cannot be trained partition by partition.
        """
        shares, _, counts = tf.unique_with_counts(batch.share)
        # Without a row there is still one part, of none, as seeds have to move on.
        shares, counts = tf.concat([shares, [0]], 0), tf.concat([counts, [0]], 0)
        ends = tf.cumsum(counts)
        parts = tf.maximum(tf.shape(shares)[0] - 1, 1)
        states = tf.pad(states, [[0, tf.maximum(1 - tf.shape(states)[0], 0)], [0, 0]])
        weights = self._model.trainable_weights
        added_loss = self._regularisation()

        def body(index: Any, sums: Any, states: Any, _: Any) -> Any:
            part = batch.cut(ends[index] - counts[index], ends[index])
            share = shares[index]
            found, state, seeds = self._part(part, states[share], added_loss)
            sums = [total + one for total, one in zip(sums, found, strict=True)]
            return index + 1, sums, tf.tensor_scatter_nd_update(states, [[share]], [state]), seeds

        zeros = [tf.zeros(weight.shape, tf.int64) for weight in weights]
        begun = (0, [*zeros, tf.zeros([2], tf.int64)], states, self._now())
        _, sums, states, seeds = tf.while_loop(
            lambda index, *_: index < parts, body, begun, parallel_iterations=1
        )
        return sums, states, list(zip(self._seeds, seeds, strict=True))

    def summed(self, sums: list[Any]) -> tuple[list[Any], tf.Tensor]:
        """Return the gradients of the batch, and its faults.

        Args:
            sums: int64, of all replicas.

        Returns:
            Gradients in the weights' types, with those of regularisers; and int64[2]: 1 if the
            sum may have left the range, and 1 if a gradient was not finite.
        """
        magnitudes = sums[-1]
        weights = self._model.trainable_weights
        found = [
            rounded(steps, tf.as_dtype(weight.dtype))
            for steps, weight in zip(sums, weights, strict=False)
        ]
        with tf.GradientTape() as tape:
            loss = self._regularisation()
        if any(weight.regularizer is not None for weight in weights):
            more = tape.gradient(loss, weights)
            pairs = zip(found, more, strict=True)
            found = [a if b is None else a + tf.convert_to_tensor(b) for a, b in pairs]
        faults = tf.stack([too_large(magnitudes), not_finite(magnitudes)])
        return found, tf.cast(faults, tf.int64)

    def _part(
        self, part: Batch, state: tf.Tensor, added_loss: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor, list[tf.Tensor]]:
        model, weights = self._model, self._model.trainable_weights
        with (
            rows_at(part.rows, part.at) as drew,
            keras.StatelessScope(collect_losses=True) as scope,
            tf.GradientTape() as tape,
        ):
            outputs = model(part.inputs, training=True)
            rows = (part.labels, outputs, part.weights)
            loss = self._loss(rows, part.rows, lambda own: own)
        zero = tf.UnconnectedGradients.ZERO
        found = tape.gradient(loss, weights, unconnected_gradients=zero)
        found = [tf.convert_to_tensor(one) for one in found]
        changes = changes_of(model, scope, drew, outputs, alone=False, exact=True)
        moved = {id(variable): value for variable, value in changes}
        seeds = [moved.get(id(seed), seed.value) for seed in self._seeds]
        batch_rows, count = tf.cast(part.rows, loss.dtype), tf.cast(part.count, loss.dtype)
        seen = tf.math.divide_no_nan(loss * batch_rows, count) + added_loss
        state = self._states.update(state, (seen, count), rows)
        return [*(exact(one) for one in found), magnitude(found)], state, seeds

    def _regularisation(self) -> tf.Tensor:
        """The loss that weights add, whatever the rows."""
        losses = weight_losses(self._model)
        return keras.ops.sum(losses) if losses else tf.zeros((), keras.config.floatx())

    def _now(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(seed.value) for seed in self._seeds]


def _refused(expected: str, got: str) -> ModelError:
    return ModelError(
        "model", expected=expected, got=got, mend="change it, or train with determinism = numeric"
    )
