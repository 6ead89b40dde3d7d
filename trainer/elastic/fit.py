"""One fit of all workers: epochs, what is agreed on after each group of batches, callbacks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.elastic.agreement import Agreement
from trainer.elastic.judging import Judge
from trainer.elastic.states import MetricStates
from trainer.elastic.steps import Steps
from trainer.fit.fitting import misfit
from trainer.fit.timing import PartClock
from trainer.fit.watch import Diverged, ShouldStop

__all__ = ["Fit", "Machine", "Work"]

LOSS = 2  # how much of a state the running loss needs: a sum and a count


@dataclass(frozen=True)
class Machine:
    """What a worker trains with, round after round.

    Attributes:
        model: In training.
        steps: That change it.
        judge: Of its validation rows.
        states: Of its metrics.
        agreement: With the other workers.
        slots: Numbers of the states' slots; None where they are the numbers of partitions.
    """

    model: keras.Model
    steps: Steps
    judge: Judge
    states: MetricStates
    agreement: Agreement
    slots: range | None


@dataclass(frozen=True)
class Work:
    """What one fit is given.

    Attributes:
        batches: Of elements (inputs, label, weight, place).
        steps_per_epoch: Batches of an epoch.
        epochs: The most epochs to train.
        parts: The own validation rows' chunks by part.
        rows: Validation rows of all workers.
        warm_up: Batches until the learning rate is its own; 0 for at once.
        clock: Is told what is spent on what.
    """

    batches: tf.data.Dataset
    steps_per_epoch: int
    epochs: int
    parts: Mapping[int, list[Any]]
    rows: int
    warm_up: int
    clock: PartClock


class Fit:
    """Trains together with the others, and calls callbacks as `model.fit` does.

    Attributes:
        stopped: Whether all workers have agreed to break the fit off.
    """

    def __init__(self, machine: Machine, work: Work, should_stop: ShouldStop) -> None:
        """`should_stop` is asked after each group; the answer of any worker counts for all."""
        self.stopped = False
        self._should_stop = should_stop
        self._group = 1
        self._machine = machine
        self._work = work
        self._iterator = iter(work.batches)

    def trace(self) -> Any:
        """Trace the steps and return their graph, before anything has changed.

        Raises:
            ModelError: The model cannot be trained like that.
        """
        machine, work = self._machine, self._work
        size, warms_up = machine.states.size, work.warm_up > 0
        return machine.steps.trace(self._iterator, size, warms_up=warms_up).graph

    def run(self, callbacks: list[keras.callbacks.Callback], group: int) -> None:
        """Train, up to `group` batches to a call.

        Raises:
            Diverged: A gradient or the loss is not finite any more, on any worker.
            TrainingError: A callback or function of another worker raised.
            PeerLost: A worker is gone, or hangs.
        """
        model, agreement, work = self._machine.model, self._machine.agreement, self._work
        hooks = keras.callbacks.CallbackList(
            callbacks,
            add_history=True,
            model=model,
            verbose=0,
            epochs=work.epochs,
            steps=work.steps_per_epoch,
        )
        model.stop_training = False
        self._group = group
        agreement.guard(hooks.on_train_begin)
        logs: dict[str, float] = {}
        for epoch in range(work.epochs):
            agreement.guard(hooks.on_epoch_begin, epoch)
            logs = self._epoch(epoch, hooks) | self._judged(hooks)
            agreement.guard(hooks.on_epoch_end, epoch, dict(logs))
            if agreement.gather(model.stop_training, {}, 0).stop:
                break
        model.optimizer.finalize_variable_values(model.trainable_weights)
        agreement.guard(hooks.on_train_end, logs)
        agreement.gather(False, {}, 0)

    def _epoch(self, epoch: int, hooks: keras.callbacks.CallbackList) -> dict[str, float]:
        machine, work, agreement = self._machine, self._work, self._machine.agreement
        slots = 0 if machine.slots is None else len(machine.slots)
        states, done = tf.zeros([slots, machine.states.size], tf.float64), 0
        total = np.zeros(machine.states.size)
        while done < work.steps_per_epoch:
            count = min(self._group, work.steps_per_epoch - done)
            agreement.guard(hooks.on_train_batch_begin, done)
            with work.clock.part("step"):
                before = epoch * work.steps_per_epoch + done
                states, faults = machine.steps(self._iterator, states, count, before, work.warm_up)
                done += count
                size = machine.states.size if done == work.steps_per_epoch else LOSS
                stop = agreement.guard(self._should_stop, otherwise=False)
                together = agreement.gather(stop, self._numbered(states.numpy(), size), size)
            where = f"epoch {epoch + 1}, at batch {done} of {work.steps_per_epoch}"
            _check(faults.numpy(), where)
            self.stopped, total = together.stop, together.total
            logs = {"loss": machine.states.loss(total)}
            agreement.guard(hooks.on_train_batch_end, done - 1, logs)
        return machine.states.results(total)

    def _judged(self, hooks: keras.callbacks.CallbackList) -> dict[str, float]:
        machine, work = self._machine, self._work
        if not work.rows:
            return {}
        machine.agreement.guard(hooks.on_test_begin)
        with work.clock.part("validation"):
            own = machine.agreement.guard(self._own_judged, otherwise={})
            size = machine.states.size
            total = machine.agreement.gather(False, self._judged_numbers(own), size).total
            logs = machine.states.results(total)
        machine.agreement.guard(hooks.on_test_end, logs)
        return {f"val_{name}": value for name, value in logs.items()}

    def _own_judged(self) -> dict[int, np.ndarray]:
        """The states of this worker's validation rows.

        Raises:
            TrainingError: The model cannot take them.
        """
        try:
            return self._machine.judge.states(self._work.parts, self._work.rows)
        except tf.errors.OpError as error:
            raise misfit(error) from error

    def _numbered(self, states: np.ndarray, size: int) -> dict[int, np.ndarray]:
        """The states by number, the first `size` values of each."""
        numbers = range(len(states)) if self._machine.slots is None else self._machine.slots
        return {number: state[:size] for number, state in zip(numbers, states, strict=True)}

    def _judged_numbers(self, own: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
        """The states of validation parts by number: of partitions, or of this worker."""
        slots = self._machine.slots
        return own if slots is None else dict(zip(slots, own.values(), strict=False))


def _check(faults: np.ndarray, where: str) -> None:
    if faults[1]:
        raise Diverged(f"a gradient was not finite in {where}")
    if faults[0]:
        raise Diverged(f"the gradients were too large to be summed exactly in {where}")
