"""Train steps of all workers together, several to one call of a compiled function."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Protocol

import keras
import tensorflow as tf

from trainer.distribution.lasting_keys import lasting_keys
from trainer.elastic.applying import Applying
from trainer.elastic.batch import Batch
from trainer.elastic.by_worker import ByWorker
from trainer.elastic.draws import draws_by_batch
from trainer.elastic.reducing import sum_over_replicas
from trainer.elastic.seams import layers_of, summed_gradients, unscaled_losses
from trainer.errors import ModelError
from trainer.fit.schedule import warm_up_factor

__all__ = ["Gradients", "Steps"]


class Gradients(Protocol):
    """How gradients are found and summed: `ByWorker` or `ByPartition`."""

    def slots(self, states: tf.Tensor, batch: Batch) -> tf.Tensor:
        """Return the states with as many slots as the batch needs."""
        ...

    def rows_of(self, batch: Batch, replica: Any, replicas: int) -> Batch:
        """Return the rows of one of this worker's replicas."""
        ...

    def gradients(self, batch: Batch, states: tf.Tensor, replica: Any) -> tuple[Any, Any, Any]:
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
        alone = strategy.num_replicas_in_sync == 1 and isinstance(how, ByWorker)
        self._applying = Applying(model, strategy, alone=alone)
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
            with self._lent(), _own_refusals():
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
        own, faults, *gradients = [self._strategy.experimental_local_results(one) for one in found]
        if gradients:
            self._applying.gather([one[0] for one in gradients], factor)
        merged = states
        for each in own:  # a slot belongs to one replica, and the others leave it as it was
            merged = tf.where(each != states, each, merged) if self._local > 1 else each
        return merged, faults[0]

    def _replica(self, element: Any, states: tf.Tensor, factor: Any) -> tuple[Any, ...]:
        """Return new states, faults, and gradients if others are to be waited for."""
        context = tf.distribute.get_replica_context()
        replica = 0 if self._local == 1 else context.replica_id_in_sync_group % self._local
        batch = self._how.rows_of(Batch.of(element), replica, self._local)
        gradients, states, changes = self._how.gradients(batch, states, replica)
        if self._applying.gathers:
            gradients = self._dense(gradients)
        if self._replicas > 1:
            self._sliced |= any(isinstance(one, tf.IndexedSlices) for one in gradients)
            gradients = sum_over_replicas(context, gradients)
        gradients, faults = self._how.summed(gradients)
        for variable, value in changes:
            variable.assign(value)
        if self._applying.gathers:
            return states, faults, *gradients
        self._applying.apply(gradients, factor)
        return states, faults

    def _dense(self, gradients: list[Any]) -> list[Any]:
        """Gradients as tensors; those of weights that have none are 0, as they are gathered."""
        rest = gradients[len(self._model.trainable_weights) :]
        pairs = zip(gradients, self._model.trainable_weights, strict=False)
        dense = [tf.zeros(w.shape, w.dtype) if g is None else g for g, w in pairs]
        return [*(tf.convert_to_tensor(one) for one in dense), *rest]

    @contextmanager
    def _lent(self) -> Iterator[None]:
        """Have Keras do, in what is traced within, what several replicas need."""
        norms = [
            one
            for one in layers_of(self._model)
            if isinstance(one, keras.layers.BatchNormalization) and self._replicas > 1
        ]
        with ExitStack() as stack:
            stack.enter_context(lasting_keys())
            stack.enter_context(draws_by_batch())
            stack.enter_context(unscaled_losses())
            stack.enter_context(summed_gradients(self._model.optimizer))
            for norm in norms:
                stack.callback(setattr, norm, "synchronized", norm.synchronized)
                norm.synchronized = True
            yield


@contextmanager
def _own_refusals() -> Iterator[None]:
    """Raise what was refused inside of a layer: Keras makes a RuntimeError of it."""
    try:
        yield
    except RuntimeError as error:
        met: BaseException | None = error
        while met is not None and not isinstance(met, ModelError):
            met = met.__cause__ or met.__context__
        raise met or error from None
