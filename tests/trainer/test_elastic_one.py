"""One worker: what it trains in numeric mode is what `Learner` trains, and what is refused."""

from typing import Any

import elastic_cases as cases
import elastic_refusals as refusals
import keras
import numpy as np
import pytest
import tensorflow as tf

import trainer
from trainer import Alone, ElasticLearner, Learner, TrainSettings

SETTINGS = TrainSettings(epochs=6, patience=1, warm_up_steps=5)


class Halving(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.optimizer.learning_rate = 0.5 * self.model.optimizer.learning_rate


def elastic(build: Any, determinism: str = "numeric", **more: Any) -> ElasticLearner:
    return ElasticLearner(build, tf.distribute.get_strategy(), Alone(), 1, determinism, **more)


def build() -> keras.Model:
    return cases.make_model(lambda hidden: cases.normalization(cases.noise(hidden)))


def test_it_is_the_learner_bit_for_bit() -> None:
    rows, judged = cases.make_rows(331, 1), cases.make_rows(5000, 2)
    plain = Learner(build(), 1, callbacks=lambda: [Halving()])
    shared = elastic(build, callbacks=lambda: [Halving()])
    for seed in range(2):
        dataset, steps = cases.own_batches(rows, 6, 0, 1, batch=15, seed=seed)
        validation = judged.of(0, 1)
        whole = dataset.map(lambda features, label, weight, place: (features, label, weight))
        first = plain.train(whole, steps, validation[:3], SETTINGS)
        second = shared.train(dataset, steps, validation, SETTINGS)
        assert trainer.digest(shared.model) == trainer.digest(plain.model)
        assert second.history == first.history
        assert (second.epochs, second.best_epoch) == (first.epochs, first.best_epoch)
        assert set(second.seconds_by_part) == set(first.seconds_by_part)
    np.testing.assert_array_equal(shared.predict(judged.features), plain.predict(judged.features))
    labels = judged.labels
    np.testing.assert_array_equal(
        shared.scores(judged.features, labels), plain.scores(judged.features, labels)
    )


def test_nothing_to_train_on_or_to_judge_by() -> None:
    learner = elastic(lambda: cases.make_model(embed=False, optimizer=cases.sgd))
    rows = cases.make_rows(64, 1)
    dataset, steps = cases.own_batches(rows, 3, 0, 1)
    before = trainer.digest(learner.model)
    assert learner.train(dataset, 0).skipped == "there is no row to train on"
    assert trainer.digest(learner.model) == before
    report = learner.train(dataset, steps, None, TrainSettings(unmonitored_epochs=2))
    assert (report.epochs, report.monitored, set(report.history)) == (
        2,
        False,
        {"loss", "accuracy", "AUC"},
    )
    with pytest.raises(trainer.TrainingError, match="expected 20 epochs of 2 batches"):
        learner.train(dataset.apply(tf.data.experimental.assert_cardinality(3)), 2, rows.of(0, 1))


def test_gradients_beyond_the_range_of_exact_sums_diverge() -> None:
    model = lambda: cases.make_model(  # noqa: E731
        embed=False, optimizer=keras.optimizers.SGD, loss=lambda y, p: 1e7 * p
    )
    learner = elastic(model, "bitwise")
    dataset, steps = cases.own_batches(cases.make_rows(64, 1), 1, 0, 1)
    before = trainer.digest(learner.model)
    report = learner.train(dataset, steps, None, TrainSettings(epochs=1))
    assert report.diverged == (
        "the gradients were too large to be summed exactly in epoch 1, at batch 1 of 1"
    )
    assert trainer.digest(learner.model) == before


@pytest.mark.parametrize("name", refusals.AT_ONCE)
def test_what_it_cannot_train_is_refused_at_once(name: str) -> None:
    determinism, build = refusals.AT_ONCE[name]
    with pytest.raises(trainer.ModelError) as caught:
        elastic(build, determinism)
    assert refusals.TOLD[name] in str(caught.value)


@pytest.mark.parametrize("name", refusals.MODELS)
def test_what_cannot_be_split_is_refused_untouched(name: str) -> None:
    learner = elastic(refusals.MODELS[name], "bitwise")
    rows = cases.make_rows(8, 1)
    dataset, steps = cases.own_batches(rows, 1, 0, 1)
    before = trainer.digest(learner.model)
    with pytest.raises(trainer.ModelError) as caught:
        learner.train(dataset, steps, rows.of(0, 1), TrainSettings(epochs=1))
    assert refusals.TOLD[name] in str(caught.value)
    assert trainer.digest(learner.model) == before


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(trainer.SettingsError, match="numeric or bitwise"):
        elastic(cases.make_model, "exact")
    learner = elastic(cases.make_model)
    rows = cases.make_rows(64, 1)
    dataset, _ = cases.own_batches(rows, 1, 0, 1)
    plain = dataset.map(lambda features, label, weight, place: (features, label, weight))
    with pytest.raises(trainer.TrainingError, match=r"batches of .*rows, at, share"):
        learner.train(plain, 1)
    fixed = dataset.map(
        lambda *element: tf.nest.map_structure(
            lambda t: tf.ensure_shape(t, [64]) if t.shape.rank else t, element
        )
    )
    with pytest.raises(trainer.TrainingError, match="an open number of rows"):
        learner.train(fixed, 1)


def test_bits_that_a_gpu_cannot_promise_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [kind])
    with pytest.raises(trainer.SettingsError, match=r'"numeric" on a GPU.*got "bitwise"'):
        elastic(build, "bitwise")
    elastic(build, "numeric")
