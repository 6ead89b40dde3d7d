"""Train steps of all workers together, several to one call of a compiled function."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Protocol

import keras
import tensorflow as tf

from trainer.elastic.batch import Batch
from trainer.elastic.draws import draws_by_batch
from trainer.elastic.reducing import sum_over_replicas
from trainer.elastic.seams import layers_of, summed_gradients, unscaled_losses
from trainer.schedule import scaled_rate, warm_up_factor

__all__ = ["Gradients", "Steps"]


class Gradients(Protocol):
    """How gradients are found and summed: `ByWorker` or `ByPartition`."""

    def slots(self, states: tf.Tensor, batch: Batch) -> tf.Tensor:
        """Return the states with as many slots as the batch needs."""
        ...

    def rows_of(self, batch: Batch, replica: int, replicas: int) -> Batch:
        """Return the rows of one of this worker's replicas."""
        ...

    def gradients(self, batch: Batch, states: tf.Tensor, replica: int) -> tuple[Any, Any, Any]:
        """Return what is summed over all replicas, new states, and new values of variables."""
        ...

    def summed(self, gradients: list[Any]) -> tuple[list[Any], tf.Tensor]:
        """Return the gradients of the batch, of the sums, and its faults int64[2]."""
        ...


class Steps:
    """The compiled function: up to as many batches as a call says."""

    def __init__(
        self, model: keras.Model, strategy: tf.distribute.Strategy, size: int, how: Gradients
    ) -> None:
        """Prepare; `size` is the number of workers."""
        self._model = model
        self._strategy = strategy
        self._how = how
        self._replicas = strategy.num_replicas_in_sync
        self._local = self._replicas // size
        # A collective keeps its shape within a call, and slices are as many as a batch has rows.
        self._sliced = False
        self._traced: dict[tuple[bool, str], Any] = {}

    def trace(self, iterator: Any, size: int, *, warms_up: bool) -> Any:
        """Return the function for batches of one spec, traced if it was not; faults show here.

        Args:
            iterator: Of elements (inputs, label, weight, place).
            size: Of a state.
            warms_up: Whether the learning rate grows.

        Raises:
            ModelError: The model cannot be trained like that.
        """
        key = (warms_up, str(iterator.element_spec))
        if key not in self._traced:
            whole = tf.TensorSpec((), tf.int32)
            states = tf.TensorSpec((None, size), tf.float64)
            run = tf.function(partial(self._group, warms_up), autograph=False)
            with self._lent():
                self._traced[key] = run.get_concrete_function(iterator, states, whole, whole, whole)
        return self._traced[key]

    def __call__(
        self, iterator: Any, states: tf.Tensor, count: int, done: int, warm_up: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Train on the next batches.

        Args:
            iterator: As for `trace`.
            states: float64[slots, size]: of metrics, before them.
            count: How many batches, 1 or more.
            done: Batches of the round before them.
            warm_up: Batches until the learning rate is its own; 0 for at once.

        Returns:
            The states after them, and the faults int64[2] of all workers: batches whose gradients
            may have left the range, and batches with one that was not finite.
        """
        run = self.trace(iterator, states.shape[1], warms_up=warm_up > 0)
        faults, steepness = tf.zeros([2], tf.int64), tf.constant(max(warm_up, 1))
        at_once = 1 if self._sliced else count
        for at in range(0, count, at_once):
            numbers = (tf.constant(at_once), tf.constant(done + at), steepness)
            states, more = run(iterator, states, *numbers)
            faults = faults + more
        return states, faults

    def _group(
        self,
        warms_up: bool,
        iterator: Any,
        states: tf.Tensor,
        count: tf.Tensor,
        done: tf.Tensor,
        warm_up: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        def body(index: tf.Tensor, states: tf.Tensor, faults: tf.Tensor) -> Any:
            factor = warm_up_factor(done + index, warm_up) if warms_up else None
            batch = Batch.of(iterator.get_next())
            states, more = self._step(batch, states, factor)
            return index + 1, states, faults + more

        _, states, faults = tf.while_loop(
            lambda index, *_: index < count,
            body,
            (tf.constant(0), states, tf.zeros([2], tf.int64)),
            shape_invariants=(
                tf.TensorShape([]),
                tf.TensorShape([None, states.shape[1]]),
                tf.TensorShape([2]),
            ),
            parallel_iterations=1,
        )
        return states, faults

    def _step(self, batch: Batch, states: tf.Tensor, factor: Any) -> tuple[tf.Tensor, tf.Tensor]:
        states = self._how.slots(states, batch)
        place = {"rows": batch.rows, "at": batch.at, "share": batch.share}
        element = (batch.inputs, batch.labels, batch.weights, place)
        found = self._strategy.run(self._replica, args=(element, states, factor))
        each = [self._strategy.experimental_local_results(one) for one in found]
        merged = states
        for own in each[0]:  # a slot belongs to one replica, and the others leave it as it was
            merged = tf.where(own != states, own, merged) if self._local > 1 else own
        return merged, each[1][0]

    def _replica(self, element: Any, states: tf.Tensor, factor: Any) -> tuple[tf.Tensor, tf.Tensor]:
        context = tf.distribute.get_replica_context()
        replica = 0 if self._local == 1 else int(context.replica_id_in_sync_group) % self._local
        batch = self._how.rows_of(Batch.of(element), replica, self._local)
        gradients, states, changes = self._how.gradients(batch, states, replica)
        if self._replicas > 1:
            self._sliced |= any(isinstance(one, tf.IndexedSlices) for one in gradients)
            gradients = sum_over_replicas(context, gradients)
        gradients, faults = self._how.summed(gradients)
        for variable, value in changes:
            variable.assign(value)
        self._apply(gradients, factor)
        return states, faults

    def _apply(self, gradients: list[Any], factor: Any) -> None:
        optimizer, weights = self._model.optimizer, self._model.trainable_weights
        with ExitStack() as stack:
            if factor is not None:
                stack.enter_context(scaled_rate(optimizer, factor))
            optimizer.apply_gradients(zip(gradients, weights, strict=True))

    @contextmanager
    def _lent(self) -> Iterator[None]:
        """Have Keras do, in what is traced within, what several replicas need."""
        norms = [
            one
            for one in layers_of(self._model)
            if isinstance(one, keras.layers.BatchNormalization) and self._replicas > 1
        ]
        with ExitStack() as stack:
            stack.enter_context(draws_by_batch())
            stack.enter_context(unscaled_losses())
            stack.enter_context(summed_gradients(self._model.optimizer))
            for norm in norms:
                stack.callback(setattr, norm, "synchronized", norm.synchronized)
                norm.synchronized = True
            yield
