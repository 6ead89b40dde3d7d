"""Rounds that diverge, are stopped or cannot be run leave the model as it was."""

from collections.abc import Mapping

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import Data, make_data, make_dataset, make_model

import trainer
from trainer import TrainSettings

Rows = tuple[Mapping[str, np.ndarray], np.ndarray, None]


def poison(dataset: tf.data.Dataset, at: int, what: str = "weight") -> tf.data.Dataset:
    """Make the features or the weights of batch `at` NaN."""

    def spoil(index: tf.Tensor, row: tuple) -> tuple:
        features, labels = row
        factor = tf.where(index == at, np.float32(np.nan), np.float32(1))
        if what == "weight":
            return features, labels, tf.fill(tf.shape(labels), factor)
        return {**features, "amount": features["amount"] * factor}, labels

    return dataset.enumerate().map(spoil)


def test_non_finite_training_loss_restores_the_start(
    model: keras.Model, data: Data, validation: Rows
) -> None:
    dataset, steps = make_dataset(data, 4)
    learner = trainer.Learner(model)
    learner.train(dataset, steps, validation, TrainSettings(epochs=4))
    before = trainer.digest(model)
    report = learner.train(poison(dataset, steps + 2), steps, validation, TrainSettings(epochs=4))
    assert report.diverged == "the training loss became nan in epoch 2, at batch 8 of 8"
    assert (report.epochs, report.best_epoch, report.stopped_early) == (1, 0, False)
    assert trainer.digest(model) == before


def test_group_in_which_the_loss_broke_is_named(model: keras.Model, validation: Rows) -> None:
    dataset, steps = make_dataset(make_data(64 * 40), 1)
    settings = TrainSettings(epochs=1)
    report = trainer.Learner(model).train(poison(dataset, 20), steps, validation, settings)
    assert report.diverged == "the training loss became nan in epoch 1, at batch 32 of 40"


def test_non_finite_weight_is_seen_though_no_loss_shows_it(model: keras.Model, data: Data) -> None:
    before = trainer.digest(model)
    dataset, steps = make_dataset(data, 2)
    spoilt = poison(dataset, 2 * steps - 1, "feature")
    settings = TrainSettings(epochs=2, monitor="accuracy", unmonitored_epochs=2)
    model.compile(model.optimizer, "binary_crossentropy", metrics=["accuracy"])
    report = trainer.Learner(model).train(spoilt, steps, None, settings)
    assert report.diverged is not None
    assert "epoch 2" in report.diverged
    assert trainer.digest(model) == before


def test_non_finite_validation_loss_restores_the_start(model: keras.Model, data: Data) -> None:
    before = trainer.digest(model)
    features, labels = make_data(50, seed=2)
    broken = {**features, "amount": np.full(50, np.inf, np.float32)}
    dataset, steps = make_dataset(data, 2)
    settings = TrainSettings(epochs=2)
    report = trainer.Learner(model).train(dataset, steps, (broken, labels, None), settings)
    assert report.diverged == "val_loss became nan in epoch 1"
    assert trainer.digest(model) == before


def test_stop_request_restores_the_start(model: keras.Model, validation: Rows) -> None:
    dataset, steps = make_dataset(make_data(64 * 40), 3)
    learner = trainer.Learner(model)
    before = trainer.digest(model)
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) == 6

    with pytest.raises(trainer.TrainingAborted, match="epoch 2"):
        learner.train(dataset, steps, validation, TrainSettings(epochs=3), should_stop=should_stop)
    assert trainer.digest(model) == before


@pytest.mark.parametrize("where", ["on_epoch", "should_stop"])
def test_callers_own_error_passes_unchanged(
    model: keras.Model, data: Data, validation: Rows, where: str
) -> None:
    def fail(*_: object) -> bool:
        raise ValueError("the caller's own")

    learner = trainer.Learner(model)
    before = trainer.digest(model)
    dataset, steps = make_dataset(data, 2)
    settings = TrainSettings(epochs=2)
    with pytest.raises(ValueError, match="the caller's own"):
        learner.train(dataset, steps, validation, settings, **{where: fail})
    assert trainer.digest(model) == before


def test_short_dataset_is_refused(model: keras.Model, data: Data, validation: Rows) -> None:
    dataset, steps = make_dataset(data, 2)
    with pytest.raises(trainer.TrainingError, match="expected 20 epochs of 8 batches, got 16"):
        trainer.Learner(model).train(dataset, steps, validation)


def test_dataset_of_unknown_length_that_runs_out_is_refused(
    model: keras.Model, data: Data, validation: Rows
) -> None:
    before = trainer.digest(model)
    dataset, steps = make_dataset(data, 2)
    unknown = dataset.filter(lambda *_: True)
    with pytest.raises(trainer.TrainingError, match=r"model\.fit"):
        trainer.Learner(model).train(unknown, steps, validation, TrainSettings(epochs=3))
    assert trainer.digest(model) == before


def test_dataset_without_names_is_refused(model: keras.Model) -> None:
    dataset = tf.data.Dataset.from_tensor_slices((np.zeros((8, 3)), np.zeros(8))).batch(4)
    with pytest.raises(trainer.TrainingError, match="dict of features"):
        trainer.Learner(model).train(dataset, 2, settings=TrainSettings(epochs=1))


def test_unknown_monitor_is_refused_and_leaves_the_model(
    model: keras.Model, data: Data, validation: Rows
) -> None:
    dataset, steps = make_dataset(data, 2)
    learner = trainer.Learner(model)
    before = trainer.digest(model)
    settings = TrainSettings(epochs=2, monitor="val_los")
    with pytest.raises(trainer.SettingsError, match='did you mean "val_loss"'):
        learner.train(dataset, steps, validation, settings)
    assert trainer.digest(model) == before


def test_loss_that_does_not_fit_the_labels_is_told_in_one_line(
    data: Data, validation: Rows
) -> None:
    model = make_model(loss="sparse_categorical_crossentropy")
    learner = trainer.Learner(model)
    before = trainer.digest(model)
    dataset, steps = make_dataset(data, 1)
    with pytest.raises(trainer.TrainingError) as caught:
        learner.train(dataset, steps, validation, TrainSettings(epochs=1))
    assert "\n" not in str(caught.value)
    assert trainer.digest(model) == before
