"""The traced functions of `fit`: kept from round to round where that cannot change a result."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from trainer.grouped_steps import GROUP, GroupedSteps
from trainer.randomness import draws_globally, seed_everything


class Functions:
    """Lends a model its train and test functions for one fit, then leaves it as it was.

    Tracing costs 0.5 to 1 s a round. A model whose draws all come from its own variables keeps its
    functions; one that draws from the global seeds is seeded and traced anew each round.
    """

    def __init__(self, model: keras.Model, seed: int) -> None:
        self._model = model
        self._seed = seed
        self._draws_globally: bool | None = None
        self._train: GroupedSteps | None = None
        self._test: Any = None

    @contextmanager
    def lent(self, element_spec: Any, steps_per_epoch: int, round_seed: int) -> Iterator[None]:
        """Make the model ready for one `fit`.

        Raises:
            ModelError: The model has state that no checkpoint holds.
        """
        model = self._model
        if self._draws_globally is None:
            self._draws_globally = draws_globally(model, element_spec)
        if self._draws_globally:
            seed_everything(self._seed, round_seed)
            self._train = self._test = None
        own = (model.train_function, model.test_function, model.steps_per_execution)
        model.train_function = self._train_function(steps_per_epoch)
        model.test_function = self._test
        model.steps_per_execution = 1 if model.run_eagerly else GROUP
        model.stop_training = False
        try:
            yield
            self._test = model.test_function
        finally:
            model.train_function, model.test_function, model.steps_per_execution = own
            model._eval_epoch_iterator = None

    def _train_function(self, steps_per_epoch: int) -> GroupedSteps | None:
        if self._model.run_eagerly:
            return None
        if self._train is None:
            self._train = GroupedSteps(self._model)
        self._train.begin_fit(steps_per_epoch)
        return self._train
