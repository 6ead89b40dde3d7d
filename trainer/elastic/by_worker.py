"""One gradient per worker: as fast as it gets, equal to one worker's up to rounding."""

from typing import Any

import keras
import tensorflow as tf

from trainer.elastic.batch import Batch
from trainer.elastic.changes import Changes, changes_of
from trainer.elastic.draws import rows_at
from trainer.elastic.losses import PartLoss, weight_losses
from trainer.elastic.states import MetricStates

__all__ = ["ByWorker"]


class ByWorker:
    """What a replica does with its rows of a batch, and with the sum of all replicas' gradients.

    The losses of the replicas add up to the loss of the batch, so their gradients do.
    """

    def __init__(self, model: keras.Model, states: MetricStates, replicas: int) -> None:
        self._model = model
        self._states = states
        self._loss = PartLoss(model)
        self._replicas = replicas

    def slots(self, states: tf.Tensor, _: Batch) -> tf.Tensor:
        """Return the states float64[slots, size]: one slot for each of this worker's replicas."""
        return states

    def rows_of(self, batch: Batch, replica: Any, replicas: int) -> Batch:
        """Return the rows of one of this worker's replicas."""
        if replicas == 1:
            return batch
        begin, end = batch.count * replica // replicas, batch.count * (replica + 1) // replicas
        return batch.cut(begin, end)

    def gradients(
        self, batch: Batch, states: tf.Tensor, replica: Any
    ) -> tuple[list[Any], tf.Tensor, Changes]:
        """Return gradients to be summed, new states, and new values of variables that layers set.

        Raises:
            ModelError: The model cannot be trained by several replicas.
        """
        model = self._model
        with (
            rows_at(batch.rows, batch.at) as drew,
            keras.StatelessScope(collect_losses=True) as scope,
            tf.GradientTape() as tape,
        ):
            outputs = model(batch.inputs, training=True)
            part = (batch.labels, outputs, batch.weights)
            losses = [self._loss(part, batch.rows, self._total)]
            losses += [self._shared(loss) for loss in [*scope.losses, *weight_losses(model)]]
            loss = keras.ops.sum(losses) if len(losses) > 1 else losses[0]
            scaled = model.optimizer.scale_loss(loss)
        found = tape.gradient(scaled, model.trainable_weights)
        changes = changes_of(model, scope, drew, outputs, alone=self._replicas == 1)
        state = self._states.update(states[replica], self._seen(loss, batch.rows), part)
        return found, tf.tensor_scatter_nd_update(states, [[replica]], [state]), changes

    def summed(self, gradients: list[Any]) -> tuple[list[Any], tf.Tensor]:
        """Return the gradients of the batch and their faults int64[2]: none here."""
        return gradients, tf.zeros([2], tf.int64)

    def _shared(self, loss: Any) -> Any:
        loss = keras.ops.sum(loss)
        return loss / tf.cast(self._replicas, loss.dtype) if self._replicas > 1 else loss

    def _total(self, own: tf.Tensor) -> tf.Tensor:
        if self._replicas == 1:
            return own
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(own))

    def _seen(self, loss: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The loss, and how much it counts, such that the replicas' mean is the batch's loss."""
        if self._replicas == 1:
            return loss, rows
        parts = tf.cast(self._replicas, loss.dtype)
        return loss * parts, tf.cast(rows, loss.dtype) / parts
