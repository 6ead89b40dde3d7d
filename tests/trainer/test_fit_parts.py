"""What a round's training cost, by part; and the learning rate's warm-up."""

from collections.abc import Mapping

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import Data, make_dataset, make_model

import trainer
from trainer import TrainSettings

Rows = tuple[Mapping[str, np.ndarray], np.ndarray, None]
PARTS = ["compile", "input", "step", "validation", "other"]


def slow(dataset: tf.data.Dataset, seconds: float) -> tf.data.Dataset:
    def wait(label: np.ndarray) -> np.ndarray:
        import time

        time.sleep(seconds)
        return label

    return dataset.map(
        lambda x, y: (x, tf.ensure_shape(tf.numpy_function(wait, [y], y.dtype), y.shape))
    )


def test_parts_sum_to_the_total_and_say_what_waited(
    model: keras.Model, data: Data, validation: Rows
) -> None:
    learner = trainer.Learner(model)
    settings = TrainSettings(epochs=3, patience=3)
    dataset, steps = make_dataset(data, 3)
    first = learner.train(dataset, steps, validation, settings)
    assert list(first.seconds_by_part) == PARTS
    assert sum(first.seconds_by_part.values()) == pytest.approx(first.seconds)
    assert all(seconds >= 0 for seconds in first.seconds_by_part.values())
    dataset, steps = make_dataset(data, 3)
    second = learner.train(slow(dataset, 0.05), steps, validation, settings)
    assert second.seconds_by_part["input"] >= 0.05 * 3 * steps * 0.9
    assert first.compile_seconds > 10 * second.compile_seconds
    assert second.to_json()["seconds_by_part"] == second.seconds_by_part


def rates(model: keras.Model, data: Data, warm_up: int) -> list[float]:
    """The learning rate of each batch, read off SGD's steps of a model with a constant gradient."""
    seen = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, *_: object, **__: object) -> None:
            seen.append(float(model.get_weights()[0][0, 0]))

    dataset, steps = make_dataset(data, 2)
    learner = trainer.Learner(model, callbacks=lambda: [Look()])
    learner.train(
        dataset, steps, None, TrainSettings(2, unmonitored_epochs=2, warm_up_steps=warm_up)
    )
    return np.diff([0.0, *seen]).tolist()


def straight(rate: object) -> keras.Model:
    """A model whose only weight has the gradient -1, whatever the rows."""
    amount = keras.Input((1,), name="amount")
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Model({"amount": amount}, dense(keras.ops.ones_like(amount)))
    model.compile(keras.optimizers.SGD(rate), lambda _, output: -output)
    return model


def test_warm_up_grows_to_the_rate_and_stays_there(data: Data) -> None:
    model = straight(0.5)
    wanted = [0.5 * min(1, (step + 1) / 5) for step in range(16)]
    assert rates(model, data, 5) == pytest.approx(wanted, rel=1e-5)
    assert float(model.optimizer.learning_rate.numpy()) == 0.5


def test_warm_up_goes_with_a_schedule(data: Data) -> None:
    schedule = keras.optimizers.schedules.InverseTimeDecay(1.0, 1, 0.5)
    wanted = [min(1, (step + 1) / 20) / (1 + 0.5 * step) for step in range(16)]
    assert rates(straight(schedule), data, 20) == pytest.approx(wanted, rel=1e-5)


def test_a_warm_up_is_of_its_round_alone(data: Data) -> None:
    model = straight(0.5)
    learner = trainer.Learner(model)
    moved = []
    for warm_up in (0, 16, 0, 1):
        before = float(model.get_weights()[0][0, 0])
        dataset, steps = make_dataset(data, 1)
        learner.train(dataset, steps, None, TrainSettings(1, warm_up_steps=warm_up))
        moved.append(float(model.get_weights()[0][0, 0]) - before)
    assert moved == pytest.approx([0.5 * 8, 0.5 * 36 / 16, 0.5 * 8, 0.5 * 8])


def test_warm_up_needs_a_graph(data: Data) -> None:
    dataset, steps = make_dataset(data, 1)
    learner = trainer.Learner(make_model(run_eagerly=True))
    with pytest.raises(trainer.ModelError, match="run_eagerly"):
        learner.train(dataset, steps, None, TrainSettings(1, warm_up_steps=3))


def test_a_schedule_goes_on_over_rounds(data: Data) -> None:
    def end(rounds: int, epochs: int) -> tuple[float, float]:
        model = straight(keras.optimizers.schedules.InverseTimeDecay(1.0, 1, 0.5))
        learner = trainer.Learner(model)
        for _ in range(rounds):
            dataset, steps = make_dataset(data, epochs)
            learner.train(dataset, steps, None, TrainSettings(epochs, unmonitored_epochs=epochs))
        assert int(model.optimizer.iterations.numpy()) == rounds * epochs * steps
        return float(model.optimizer.learning_rate), float(model.get_weights()[0][0, 0])

    assert end(3, 1) == end(1, 3)
