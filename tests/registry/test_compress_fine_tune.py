"""The fine-tune: it heals, keeps the best weights, and leaves alone what is not to learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from small_graphs import build, output, rows_for

from registry import Examples, RungError, Subject, export_float32
from registry.compress import FineTune
from registry.compress.fine_tune import fine_tune, split
from registry.compress.graph import flat_copy
from registry.compress.normalizing import recalibrate
from registry.compress.sparsify import CubicSparsity, largest

TUNE = FineTune(epochs=4, batch=8, learning_rate=1e-2, patience=4)


@keras.saving.register_keras_serializable("tests")
class Scaling(keras.layers.Layer):
    """A layer of another room: its weight holds statistics, and is never trained."""

    def build(self, shape: Any) -> None:
        self.deviation = self.add_weight(
            name="deviation", shape=shape[1:], initializer="ones", trainable=False
        )

    def call(self, x: Any) -> Any:
        return x / self.deviation


@pytest.fixture(scope="module")
def subject() -> Subject:
    keras.utils.set_random_seed(1)
    entry = keras.Input((4,), name="x")
    x = layers.Dense(8, activation="relu", name="frozen", trainable=False)(Scaling()(entry))
    x = layers.BatchNormalization(name="norm")(x)
    model = keras.Model(entry, layers.Dense(1, name="last")(x))
    model.compile(loss="mse")
    model.layers[1].deviation.assign([2.0, 3.0, 4.0, 5.0])
    rows = rows_for(model, 64)
    learnable = rows.features["x"].sum(axis=1, keepdims=True)
    return Subject(export_float32(model), model, None, replace(rows, labels=learnable))


def weights_of(model: Any) -> dict[str, np.ndarray]:
    return {v.path.split("/", 1)[-1]: np.asarray(v).copy() for v in model.weights}


def test_what_is_not_to_learn_stays(subject: Subject) -> None:
    model = flat_copy(subject.model)
    before = {v.path: np.asarray(v).copy() for v in model.weights}
    fine_tune(model, subject, TUNE)
    moved = {v.path for v in model.weights if not np.array_equal(before[v.path], np.asarray(v))}
    statistics = {"norm/moving_mean", "norm/moving_variance"}
    assert moved == {"norm/gamma", "norm/beta", "last/kernel", "last/bias"} | statistics


def test_a_damaged_copy_heals_and_the_same_again(subject: Subject) -> None:
    found = []
    for _ in range(2):
        model = flat_copy(subject.model)
        model.get_layer("last").kernel.assign(np.zeros((8, 1)))
        worse = np.square(output(model, subject.examples) - output(subject.model, subject.examples))
        fine_tune(model, subject, replace(TUNE, distillation=1.0))
        after = np.square(output(model, subject.examples) - output(subject.model, subject.examples))
        assert after.mean() < 0.7 * worse.mean()
        found.append(output(model, subject.examples))
    np.testing.assert_array_equal(found[0], found[1])


def test_weights_that_get_worse_are_not_kept(subject: Subject) -> None:
    """From where nothing can be gained: the copy is its own teacher, and the rate is absurd."""
    before, model = flat_copy(subject.model), flat_copy(subject.model)
    fine_tune(before, subject, replace(TUNE, epochs=0))
    fine_tune(model, subject, replace(TUNE, distillation=1.0, learning_rate=5.0))
    expected = output(before, subject.examples)
    np.testing.assert_array_equal(output(model, subject.examples), expected)


def test_without_any_loss_the_export_teaches(subject: Subject) -> None:
    bare = flat_copy(subject.model)
    model = flat_copy(bare)
    model.get_layer("last").bias.assign([1.0])
    worse = np.abs(output(model, subject.examples) - output(bare, subject.examples)).mean()
    fine_tune(model, replace(subject, model=bare), TUNE)
    after = np.abs(output(model, subject.examples) - output(bare, subject.examples)).mean()
    assert after < worse


def test_weights_count(subject: Subject) -> None:
    """Rows of weight 0 teach nothing: their labels may be anything."""
    rows = subject.examples
    labels = rows.labels.copy()
    labels[::2] = 1e6
    counted = np.tile(np.float32([0, 1]), len(rows) // 2)
    outputs = []
    for given in (labels, np.where(counted[:, None] > 0, labels, -1e6)):
        model = flat_copy(subject.model)
        weighted = replace(rows, labels=given.astype(np.float32), weights=counted)
        fine_tune(model, replace(subject, examples=weighted), TUNE)
        outputs.append(output(model, rows))
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert np.abs(outputs[0]).max() < 100


def test_statistics_are_measured_anew() -> None:
    entry = keras.Input((3,), name="x")
    x = layers.BatchNormalization(name="first")(entry)
    x = layers.BatchNormalization(name="frozen", trainable=False)(x)
    model = flat_copy(keras.Model(entry, layers.BatchNormalization(name="second")(x)))
    values = np.random.default_rng(1).normal(4, 2, (256, 3)).astype(np.float32)
    recalibrate(model, Examples({"x": values}, np.zeros(256)))
    halves = values.reshape(2, 128, 3)
    first, second = model.get_layer("first"), model.get_layer("second")
    np.testing.assert_allclose(first.moving_mean, values.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(first.moving_variance, halves.var(axis=1).mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(second.moving_mean, np.zeros(3), atol=1e-3)
    np.testing.assert_allclose(second.moving_variance, np.ones(3), rtol=1e-2)
    np.testing.assert_array_equal(model.get_layer("frozen").moving_mean, np.zeros(3))


def test_a_loss_that_is_not_finite_is_told(subject: Subject) -> None:
    rows = subject.examples
    broken = replace(subject, examples=replace(rows, labels=np.full_like(rows.labels, np.nan)))
    with pytest.raises(RungError, match="diverged"):
        fine_tune(flat_copy(subject.model), broken, TUNE)


def test_zeros_come_by_the_cube() -> None:
    model = flat_copy(build("dense"))
    schedule = CubicSparsity(0.8)
    schedule.begin(model, 80)
    kernel = model.get_layer("same").kernel
    shares = []
    for done in (0, 10, 20, 40, 80):
        schedule.advance(done)
        shares.append(1 - np.count_nonzero(np.asarray(kernel)) / 256)
    expected = [int(256 * 0.8 * (1 - max(0, 1 - t / 40) ** 3)) / 256 for t in (0, 10, 20, 40, 80)]
    assert shares == expected
    assert [schedule.settled(done) for done in (0, 39, 40, 80)] == [False, False, True, True]
    kernel.assign(np.ones((16, 16)))
    assert np.count_nonzero(np.asarray(kernel.constraint(kernel))) == 256 - int(0.8 * 256)


def test_the_smallest_go_and_ties_fall_to_the_first() -> None:
    values = np.float32([[3, -1], [1, -2]])
    np.testing.assert_array_equal(largest(values, 0.25), [[1, 0], [1, 1]])
    np.testing.assert_array_equal(largest(values, 0.5), [[1, 0], [0, 1]])


def test_rows_are_split_and_none_is_lost() -> None:
    train, judge = split(50, 0.2, np.random.default_rng(1))
    assert (len(train), len(judge)) == (40, 10)
    assert sorted([*train, *judge]) == list(range(50))


@pytest.mark.parametrize(
    "wrong", [{"epochs": -1}, {"batch": 0}, {"distillation": 1.5}, {"held_out": 0.0}]
)
def test_settings_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(RungError, match=next(iter(wrong))):
        FineTune(**wrong)
