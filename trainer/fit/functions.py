"""The traced functions of `fit`: kept from round to round where that cannot change a result."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from trainer.errors import ModelError
from trainer.fit.grouped_steps import GROUP, GroupedSteps
from trainer.fit.input_meter import InputMeter
from trainer.fit.timing import PartClock
from trainer.randomness import draws_globally, seed_everything


@dataclass(frozen=True)
class Loan:
    """What the functions are lent for: one fit.

    Attributes:
        element_spec: Of one batch.
        steps_per_epoch: Batches of an epoch.
        round_seed: Seeds the draws that the model does not make from its own variables.
        warm_up: Batches until the learning rate is its own; 0 for at once.
        each_batch: Whether callbacks want to be called after each batch, not after a group.
        clock: Is told what is spent on what.
    """

    element_spec: Any
    steps_per_epoch: int
    round_seed: int
    warm_up: int
    each_batch: bool
    clock: PartClock


class Functions:
    """Lends a model its train and test functions for one fit, then leaves it as it was.

    Tracing costs 0.5 to 1 s a round. A model whose draws all come from its own variables keeps its
    functions; one that draws from the global seeds is seeded and traced anew each round.

    Attributes:
        meter: Is to measure the dataset of each fit.
    """

    def __init__(self, model: keras.Model, seed: int, xla: bool | None = None) -> None:
        """Lend to `model`; `xla` says whether steps are compiled by XLA, None as it was compiled.

        Keras itself turns XLA off where ops are deterministic, as not all of them have a
        deterministic form there; those that have not raise.
        """
        self._model = model
        self._seed = seed
        self._xla = model.jit_compile if xla is None else xla
        self.meter = InputMeter()
        self._draws_globally: bool | None = None
        self._train: dict[bool, GroupedSteps] = {}
        self._test: Any = None

    @property
    def tests_cold(self) -> bool:
        """Whether the test function is still to be traced."""
        return self._test is None

    @property
    def are_looked_at(self) -> bool:
        """Whether it is known if the model draws from global seeds; to see it, they must be set."""
        return self._draws_globally is not None

    @property
    def are_kept(self) -> bool:
        """Whether what one fit traces serves the next one; global draws are known once looked at.

        XLA compiles a step for each size of a batch, so one of other rows is of no use.
        """
        return not (self._model.run_eagerly or self._xla or self._draws_globally)

    @contextmanager
    def lent(self, loan: Loan) -> Iterator[None]:
        """Make the model ready for one `fit`.

        Raises:
            ModelError: The model has state that no checkpoint holds.
        """
        model = self._model
        with loan.clock.part("compile"):
            self._prepare(loan)
        own = (model.train_function, model.test_function, model.steps_per_execution)
        model.train_function = self._train_function(loan)
        model.test_function = self._test
        model.steps_per_execution = 1 if model.run_eagerly or loan.each_batch else GROUP
        model.stop_training = False
        try:
            yield
            self._test = model.test_function
        finally:
            model.train_function, model.test_function, model.steps_per_execution = own
            model._eval_epoch_iterator = None

    def look(self, element_spec: Any, warms_up: bool) -> None:
        """Trace a step and see whether the model draws from global seeds, if that is not known.

        Raises:
            ModelError: The model has state that no checkpoint holds.
        """
        if self._draws_globally is not None:
            return
        try:
            graph = self._graph(element_spec, warms_up)
            self._draws_globally = draws_globally(self._model, graph)
        except BaseException:
            # TensorFlow's function is of no more use once it has failed.
            self._train.pop(warms_up, None)
            raise

    def _prepare(self, loan: Loan) -> None:
        self.look(loan.element_spec, loan.warm_up > 0)
        if self._draws_globally:
            seed_everything(self._seed, loan.round_seed)
            self._train, self._test = {}, None

    def _train_function(self, loan: Loan) -> GroupedSteps | None:
        warms_up = loan.warm_up > 0
        if self._model.run_eagerly:
            if warms_up:
                raise _too_eager()
            return None
        steps = self._steps(warms_up)
        group = 1 if loan.each_batch else GROUP
        steps.begin_fit(loan.steps_per_epoch, group, loan.warm_up, loan.clock)
        return steps

    def _steps(self, warms_up: bool) -> GroupedSteps:
        if warms_up not in self._train:
            xla = bool(self._xla)
            self._train[warms_up] = GroupedSteps(self._model, self.meter, xla, warms_up)
        return self._train[warms_up]

    def _graph(self, element_spec: Any, warms_up: bool) -> Any:
        if not self._model.run_eagerly:
            return self._steps(warms_up).graph(element_spec)
        step = tf.function(lambda batch: self._model.train_step(batch), autograph=False)
        return step.get_concrete_function(element_spec).graph


def _too_eager() -> ModelError:
    return ModelError(
        "model",
        expected="a model compiled without run_eagerly for a warm-up of the learning rate",
        got="run_eagerly=True",
        mend="compile it without, or set train.warm_up_steps to 0",
    )
