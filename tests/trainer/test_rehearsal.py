"""A fit for nothing: it traces, and leaves everything as it was."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import Data, make_data, make_dataset, make_model

import trainer
from trainer import TrainSettings
from trainer.fit.callback_state import callback_state

Rows = tuple[Mapping[str, np.ndarray], np.ndarray, None]
SETTINGS = TrainSettings(epochs=2)


def made_up() -> tuple[tf.data.Dataset, int, Rows]:
    row = make_data(1)
    return *make_dataset(row, 1), (*row, None)


def test_a_round_after_it_traces_nothing_and_gives_the_same_bits(
    data: Data, validation: Rows, traces: list[int]
) -> None:
    dataset, steps = make_dataset(data, 2)
    digests = []
    for rehearses in (False, True):
        keras.utils.set_random_seed(3)
        learner = trainer.Learner(make_model(metrics=["auc"]), seed=5)
        if rehearses:
            before = trainer.digest(learner.model)
            learner.rehearse(*made_up(), SETTINGS)
            assert trainer.digest(learner.model) == before
            assert traces
        traces.clear()
        learner.train(dataset, steps, validation, SETTINGS, round_seed=7)
        assert bool(traces) is not rehearses
        digests.append(trainer.digest(learner.model))
    assert digests[0] == digests[1]


def test_no_callback_is_called_and_their_state_is_kept(data: Data, validation: Rows) -> None:
    begun = []

    class Noting(keras.callbacks.Callback):
        def on_train_begin(self, logs: object = None) -> None:
            begun.append(1)

    def make() -> list[keras.callbacks.Callback]:
        return [Noting(), keras.callbacks.ReduceLROnPlateau(min_delta=10.0)]

    dataset, steps = make_dataset(data, 2)
    learner = trainer.Learner(make_model(keras.optimizers.Adam(0.01)), callbacks=make)
    learner.rehearse(*made_up(), SETTINGS)
    assert not begun
    learner.train(dataset, steps, validation, SETTINGS)
    before, state = trainer.digest(learner.model), callback_state(learner.model)
    learner.rehearse(*made_up(), SETTINGS)
    assert trainer.digest(learner.model) == before
    assert callback_state(learner.model) == state
    assert "wait" in state
    assert len(begun) == 1


def test_losses_that_are_no_number_do_not_matter() -> None:
    learner = trainer.Learner(make_model())
    before = trainer.digest(learner.model)
    dataset, steps, held = made_up()
    infinite = dataset.map(lambda x, y: (x | {"amount": x["amount"] + np.inf}, y))
    learner.rehearse(infinite, steps, held, SETTINGS)
    assert trainer.digest(learner.model) == before


def test_what_the_model_does_not_take_leaves_it_as_it_was(data: Data, validation: Rows) -> None:
    learner = trainer.Learner(make_model())
    before = trainer.digest(learner.model)
    dataset, steps, held = made_up()
    outside = dataset.map(lambda x, y: (x | {"place": x["place"] + 100}, y))
    with pytest.raises(trainer.TrainingError):
        learner.rehearse(outside, steps, held, SETTINGS)
    assert trainer.digest(learner.model) == before
    assert learner.train(*make_dataset(data, 2), validation, SETTINGS).epochs == 2


@pytest.mark.parametrize("kind", ["eager", "xla"])
def test_what_would_be_traced_or_compiled_anew_is_not_rehearsed(
    kind: str, traces: list[int]
) -> None:
    model = make_model(run_eagerly=kind == "eager")
    learner = trainer.Learner(model, xla=kind == "xla" or None)
    learner.rehearse(*made_up(), SETTINGS)
    assert not traces


def python_draw(shape: tuple[int, ...]) -> Any:
    return tf.ensure_shape(
        tf.py_function(lambda: np.random.normal(size=shape), [], "float32"), shape
    )


class Refusing(keras.metrics.AUC):
    """Makes its variables, and then takes nothing."""

    def update_state(self, *arguments: Any, **options: Any) -> None:
        raise ValueError("refused")


@pytest.mark.parametrize("draw", [keras.random.normal, python_draw])
def test_a_model_that_draws_globally_is_looked_at_only(draw: Any, traces: list[int]) -> None:
    class Noise(keras.layers.Layer):
        def call(self, inputs: Any, training: bool = False) -> Any:
            return inputs + draw((16,)) if training else inputs

    learner = trainer.Learner(make_model(noise=Noise()))
    learner.rehearse(*made_up(), SETTINGS)
    looked = len(traces)
    assert looked
    learner.rehearse(*made_up(), SETTINGS)
    assert len(traces) == looked


def test_without_a_batch_nothing_is_done(traces: list[int]) -> None:
    learner = trainer.Learner(make_model())
    dataset, _, held = made_up()
    learner.rehearse(dataset, 0, held, SETTINGS)
    assert not traces


def test_a_step_that_cannot_be_traced_says_the_same_again(data: Data, validation: Rows) -> None:
    learner = trainer.Learner(make_model(metrics=["accuracy", Refusing()]))
    messages = []
    for _ in range(3):
        with pytest.raises(trainer.TrainingError) as error:
            learner.train(*make_dataset(data, 2), validation, SETTINGS)
        messages.append(str(error.value))
    assert "refused" in messages[0]
    assert messages == messages[:1] * 3
