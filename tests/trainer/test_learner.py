from collections.abc import Mapping

import keras
import numpy as np
import pytest
from conftest import Data, make_data, make_dataset, make_model

import trainer
from trainer import TrainSettings

Rows = tuple[Mapping[str, np.ndarray], np.ndarray, None]


def test_early_stopping_restores_the_best_epoch(
    model: keras.Model, data: Data, validation: Rows
) -> None:
    dataset, steps = make_dataset(data, 40)
    learner = trainer.Learner(model)
    report = learner.train(dataset, steps, validation, TrainSettings(epochs=40, patience=2))
    losses = report.history["val_loss"]
    assert report.stopped_early
    assert report.epochs == len(losses) == report.best_epoch + 2 < 40
    assert losses[report.best_epoch - 1] == min(losses)
    now = model.evaluate(validation[0], validation[1], batch_size=4096, verbose=0)
    assert now == pytest.approx(min(losses), rel=1e-6)
    assert report.monitored
    assert report.diverged is None
    assert report.skipped is None


def test_training_learns(model: keras.Model, data: Data, validation: Rows) -> None:
    dataset, steps = make_dataset(data, 20)
    learner = trainer.Learner(model)
    before = trainer.score("binary", validation[1], learner.predict(validation[0]))["auc"]
    learner.train(dataset, steps, validation)
    after = trainer.score("binary", validation[1], learner.predict(validation[0]))["auc"]
    assert after > max(before, 0.8)


def test_more_validation_rows_than_a_batch_are_all_judged(model: keras.Model, data: Data) -> None:
    rows = make_data(9000, seed=3)
    dataset, steps = make_dataset(data, 1)
    report = trainer.Learner(model).train(dataset, steps, (*rows, None), TrainSettings(epochs=1))
    loss = model.evaluate(*rows, batch_size=9000, verbose=0)
    assert report.history["val_loss"][0] == pytest.approx(loss, rel=1e-5)


def test_last_epoch_is_no_early_stop(model: keras.Model, data: Data, validation: Rows) -> None:
    dataset, steps = make_dataset(data, 2)
    report = trainer.Learner(model).train(dataset, steps, validation, TrainSettings(epochs=2))
    assert (report.epochs, report.stopped_early) == (2, False)


def test_progress_is_told_after_each_epoch(
    model: keras.Model, data: Data, validation: Rows
) -> None:
    dataset, steps = make_dataset(data, 3)
    told: list[tuple[int, float]] = []
    report = trainer.Learner(model).train(
        dataset,
        steps,
        validation,
        TrainSettings(epochs=3, patience=3),
        on_epoch=lambda epoch, logs: told.append((epoch, logs["val_loss"])),
    )
    assert told == list(enumerate(report.history["val_loss"], start=1))


@pytest.mark.parametrize("rows", [None, "empty"])
def test_without_validation_rows_few_epochs_are_trained(
    model: keras.Model, data: Data, rows: str | None
) -> None:
    empty = ({name: v[:0] for name, v in data.features.items()}, data.labels[:0], None)
    dataset, steps = make_dataset(data, 5)
    settings = TrainSettings(epochs=5, unmonitored_epochs=2)
    report = trainer.Learner(model).train(dataset, steps, empty if rows else None, settings)
    assert (report.epochs, report.best_epoch, report.monitored) == (2, 2, False)
    assert not report.stopped_early
    assert set(report.history) == {"loss"}


def test_training_loss_can_be_monitored_without_validation(model: keras.Model, data: Data) -> None:
    dataset, steps = make_dataset(data, 5)
    settings = TrainSettings(epochs=5, monitor="loss", min_delta=10.0, patience=1)
    report = trainer.Learner(model).train(dataset, steps, None, settings)
    assert (report.epochs, report.best_epoch, report.stopped_early) == (2, 1, True)


def test_one_validation_row_is_enough(data: Data) -> None:
    model = make_model(metrics=["AUC"])
    row = ({name: v[:1] for name, v in data.features.items()}, data.labels[:1], None)
    dataset, steps = make_dataset(data, 2)
    report = trainer.Learner(model).train(dataset, steps, row, TrainSettings(epochs=2))
    assert report.monitored
    assert report.epochs == 2


def test_no_row_to_train_on_is_skipped(model: keras.Model, data: Data, validation: Rows) -> None:
    learner = trainer.Learner(model)
    before = trainer.digest(model)
    dataset, _ = make_dataset(data, 1)
    report = learner.train(dataset.take(0), 0, validation)
    assert report.skipped == "there is no row to train on"
    assert report.epochs == 0
    assert trainer.digest(model) == before


def test_rows_of_no_weight_do_not_count(data: Data) -> None:
    kept = data.features["amount"] > 0
    flipped = np.where(kept, data.labels, 1 - data.labels)
    weights = kept.astype(np.float32)

    def train(labels: np.ndarray, weights: np.ndarray | None) -> tuple[str, tuple[float, ...]]:
        keras.utils.set_random_seed(7)
        model = make_model()
        dataset, steps = make_dataset(Data(data.features, labels), 2, weights=weights)
        rows = (data.features, labels, weights)
        report = trainer.Learner(model).train(dataset, steps, rows, TrainSettings(epochs=2))
        return trainer.digest(model), report.history["val_loss"]

    assert train(flipped, weights) == train(data.labels, weights)
    assert train(flipped, None)[0] != train(data.labels, None)[0]


def test_model_is_left_as_keras_knows_it(data: Data, validation: Rows) -> None:
    model = make_model(steps_per_execution=3)
    dataset, steps = make_dataset(data, 2)
    trainer.Learner(model).train(dataset, steps, validation, TrainSettings(epochs=2))
    assert model.steps_per_execution == 3
    assert model.train_function is None
    assert model.test_function is None
    weights = model.get_weights()
    model.fit(dataset, epochs=1, verbose=0)
    assert any((a != b).any() for a, b in zip(weights, model.get_weights(), strict=True))


def test_grouped_steps_are_bit_identical_to_plain_fit(
    model: keras.Model, data: Data, validation: Rows
) -> None:
    dataset, steps = make_dataset(data, 3, batch=20)
    keras.utils.set_random_seed(7)
    twin = make_model()
    settings = TrainSettings(epochs=3, unmonitored_epochs=3)
    report = trainer.Learner(model).train(dataset, steps, None, settings)
    history = twin.fit(dataset, epochs=3, steps_per_epoch=steps, verbose=0).history
    assert steps % 16
    assert report.best_epoch == 3
    assert trainer.digest(model) == trainer.digest(twin)
    assert list(report.history["loss"]) == history["loss"]


def test_eager_model_trains_to_the_same_report(data: Data, validation: Rows) -> None:
    dataset, steps = make_dataset(data, 2)
    model = make_model(run_eagerly=True)
    report = trainer.Learner(model).train(dataset, steps, validation, TrainSettings(epochs=2))
    assert report.epochs == 2
    assert report.diverged is None


def build_list() -> keras.Model:
    hour, amount = keras.Input((1,), name="hour"), keras.Input((), name="amount")
    wide = keras.layers.Reshape((1,))(amount)
    joined = keras.layers.Concatenate()([hour, wide])
    return keras.Model([hour, amount], keras.layers.Dense(1, activation="sigmoid")(joined))


def build_single() -> keras.Model:
    amount = keras.Input((1,), name="amount")
    return keras.Model(amount, keras.layers.Dense(1, activation="sigmoid")(amount))


def build_sequential() -> keras.Model:
    layers = [keras.Input((1,), name="amount"), keras.layers.Dense(1, activation="sigmoid")]
    return keras.Sequential(layers)


@pytest.mark.parametrize("build", [build_list, build_single, build_sequential])
@pytest.mark.filterwarnings("error:The structure of")
def test_inputs_go_by_name_whatever_their_structure(
    build: object, data: Data, validation: Rows
) -> None:
    model = build()
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    dataset, steps = make_dataset(data, 10)
    learner = trainer.Learner(model)
    learner.train(dataset, steps, validation, TrainSettings(epochs=10))
    only = {name: validation[0][name] for name in trainer.input_names(model)}
    chance = learner.predict(validation[0])
    np.testing.assert_array_equal(chance, learner.predict(only))
    assert trainer.score("binary", validation[1], chance)["auc"] > 0.7


def test_report_is_json(model: keras.Model, data: Data, validation: Rows) -> None:
    dataset, steps = make_dataset(data, 1)
    report = trainer.Learner(model).train(dataset, steps, validation, TrainSettings(epochs=1))
    told = report.to_json()
    assert told["history"]["loss"] == list(report.history["loss"])
    assert set(told) == set(trainer.TrainReport.__dataclass_fields__)
