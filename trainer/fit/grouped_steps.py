"""Keras's train step, several batches to one call.

Much of a batch's time in `fit` is Python (a small model on two cores: 1.7 ms a batch, 1.1 ms in
groups of 16), and Python is what an ingest thread in the same process wants too. Keras's own
`steps_per_execution` cannot end a group at the end of an epoch when one dataset holds all epochs;
this can. The weights are bit-identical for every group size.
"""

import time
from typing import Any

import keras
import tensorflow as tf

from trainer.fit.input_meter import InputMeter
from trainer.fit.schedule import scaled_rate, warm_up_factor
from trainer.fit.timing import PartClock

GROUP = 16


class GroupedSteps:
    """A `model.train_function` that runs up to a group of train steps, never past an epoch's end.

    What it costs is told to a clock, after each epoch: what the first step took is "compile", and
    with XLA also the first step of an epoch's last batch, which may be a shorter one.
    """

    def __init__(self, model: keras.Model, meter: InputMeter, xla: bool, warms_up: bool) -> None:
        """Make the function.

        Args:
            model: The compiled model.
            meter: Knows how long the steps of each fit wait for their batches.
            xla: Whether a step is compiled by XLA.
            warms_up: Whether the learning rate grows in each fit.
        """
        self._step = _traced_step(model, xla, warms_up)
        self._run = _looped(self._step)
        self._cold = {"first", "last"} if xla else {"first"}
        self._steps = self._left = self._done = self._warm_up = 0
        self._group = GROUP
        self._clock, self._meter = PartClock(), meter
        self._seconds = 0.0

    def graph(self, element_spec: Any) -> Any:
        """Return the graph of one step on a batch of that spec; the steps then need no other."""
        factor = tf.TensorSpec((), tf.float32)
        return self._step.get_concrete_function(element_spec, factor).graph

    def begin_fit(self, steps_per_epoch: int, group: int, warm_up: int, clock: PartClock) -> None:
        """Say how a fit goes; one that was broken off is forgotten.

        Args:
            steps_per_epoch: Batches of an epoch.
            group: The most batches of a call.
            warm_up: Batches until the learning rate is its own.
            clock: Is told what the steps cost.
        """
        self._steps = self._left = steps_per_epoch
        self._group, self._warm_up, self._done = group, max(warm_up, 1), 0
        self._clock, self._seconds = clock, 0.0
        self._meter.read()

    def __call__(self, iterator: Any) -> Any:
        """Train on the next batches and return the logs after the last of them."""
        count = min(self._group, self._left)
        logs = None
        for part, size in self._pieces(count):
            if part == "compile":
                self._tell("step")
            begun = time.perf_counter()
            numbers = (tf.constant(size), tf.constant(self._done), tf.constant(self._warm_up))
            logs = self._run(iterator, *numbers)
            _wait_for(logs)
            self._done += size
            self._seconds += time.perf_counter() - begun
            if part == "compile":
                self._tell(part)
        self._left -= count
        if not self._left:
            self._tell("step")
            self._left = self._steps
        return logs

    def _tell(self, part: str) -> None:
        waited = min(self._meter.read(), self._seconds)
        self._clock.add("input", waited)
        self._clock.add(part, self._seconds - waited)
        self._seconds = 0.0

    def _pieces(self, count: int) -> list[tuple[str, int]]:
        """How a group is cut: what each call counts for, and its batches."""
        pieces, ends = [], count == self._left
        if "first" in self._cold:
            self._cold.discard("first")
            pieces.append(("compile", 1))
            count -= 1
        last = ends and count > 0 and "last" in self._cold
        if last:
            self._cold.discard("last")
            count -= 1
        if count:
            pieces.append(("step", count))
        return [*pieces, ("compile", 1)] if last else pieces


def _wait_for(logs: Any) -> None:
    """Let an accelerator finish: the loss is looked at after each group in any case."""
    for value in tf.nest.flatten(logs)[:1]:
        tf.convert_to_tensor(value).numpy()


def _traced_step(model: keras.Model, xla: bool, warms_up: bool) -> Any:
    def train(batch: Any, factor: tf.Tensor) -> Any:
        if not warms_up:
            return model.train_step(batch)
        with scaled_rate(model.optimizer, factor):
            return model.train_step(batch)

    return tf.function(train, reduce_retracing=True, jit_compile=xla, autograph=False)


def _looped(step: Any) -> Any:
    def run(iterator: Any, count: tf.Tensor, done: tf.Tensor, warm_up: tf.Tensor) -> Any:
        first = step(iterator.get_next(), warm_up_factor(done, warm_up))

        def body(index: tf.Tensor, _: Any) -> Any:
            factor = warm_up_factor(done + index, warm_up)
            return index + 1, step(iterator.get_next(), factor)

        _, logs = tf.while_loop(
            lambda index, _: index < count,
            body,
            (tf.constant(1), first),
            parallel_iterations=1,
        )
        return logs

    looped = tf.function(run, reduce_retracing=True, autograph=False)
    looped._omit_frequent_tracing_warning = True
    return looped
