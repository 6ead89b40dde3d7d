"""The layer that takes its mean and variance from the stream."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import Data, make_data, make_dataset

from trainer import (
    Learner,
    ModelError,
    StreamNormalization,
    TrainSettings,
    check_normalized,
    digest,
    load,
    save,
    set_statistics,
)

STATISTICS = {"amount": (3.0, 4.0), "hour": (-1.0, 0.25)}


def make_model(dtype: str = "float32", shape: tuple[int, ...] = (1,)) -> keras.Model:
    """A model that does nothing but normalise."""
    entry = keras.Input(shape, name="x", dtype=dtype)
    return keras.Model({"x": entry}, StreamNormalization("x")(entry))


def make_learner() -> Learner:
    """Two normalised features in a nested model, and a dense layer."""
    inputs = {name: keras.Input((1,), name=name) for name in ("amount", "hour")}
    normal = [StreamNormalization(name)(tensor) for name, tensor in inputs.items()]
    inner = keras.Model(inputs, keras.layers.Concatenate()(normal))
    outer = {name: keras.Input((1,), name=name) for name in inputs}
    model = keras.Model(outer, keras.layers.Dense(1, activation="sigmoid")(inner(outer)))
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return Learner(model)


def train(learner: Learner, data: Data, seed: int = 1) -> None:
    dataset, steps = make_dataset(data, epochs=2)
    settings = TrainSettings(epochs=2, monitor="loss")
    assert learner.train(dataset, steps, None, settings, round_seed=seed).diverged is None


def raw(rows: int = 400) -> Data:
    """Data whose features have the mean and variance of `STATISTICS`."""
    data = make_data(rows)
    moved = {name: m + np.sqrt(v) * data.features[name] for name, (m, v) in STATISTICS.items()}
    return Data({name: v.astype(np.float32) for name, v in moved.items()}, data.labels)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3)])
def test_before_its_first_round_it_changes_nothing(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=(5, *shape)).astype(np.float32)
    np.testing.assert_array_equal(make_model(shape=shape)({"x": values}), values)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8"])
def test_values_come_to_mean_0_and_deviation_1(dtype: str) -> None:
    random = np.random.default_rng(1)
    values = random.normal((100, 30, 7), (9, 4, 1), (5000, 3)).clip(0, 255).astype(dtype)
    model = make_model(dtype, (3,))
    exact = values.astype(np.float64)
    set_statistics(model, {"x": (exact.mean(axis=0), exact.var(axis=0))})
    expected = (exact - exact.mean(axis=0)) / exact.std(axis=0)
    found = model.predict({"x": values}, verbose=0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=3e-6)


def test_one_statistic_may_be_for_all_places() -> None:
    model = make_model(shape=(2, 2))
    set_statistics(model, {"x": (1.0, 4.0)})
    np.testing.assert_allclose(model({"x": np.full((1, 2, 2), 5.0)}), np.full((1, 2, 2), 2.0))
    set_statistics(model, {"x": ([0, 1, 2, 3], [1, 1, 1, 1])})
    assert np.asarray(model({"x": np.zeros((1, 2, 2))})).ravel().tolist() == [0, -1, -2, -3]


def test_moments_of_one_minute_in_milliseconds_keep_each_millisecond() -> None:
    moments = 1_700_000_000_000 + np.arange(0, 60_000, dtype=np.int64)
    exact = moments.astype(np.float64)
    model = make_model("int64")
    set_statistics(model, {"x": (exact.mean(), exact.var())})
    expected = (exact - exact.mean()) / exact.std()
    found = np.asarray(model({"x": moments[:, None]}))[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(set(found.tolist())) == len(moments)


@pytest.mark.parametrize(
    ("mean", "variance", "value", "expected"),
    [
        (1e6, 0.0, 1e6, 0.0),
        (1e6, 0.0, 1e6 + 2, 2.0),
        (-0.1, 0.0, -0.1, 0.0),
        (0.0, 0.0, 0.0, 0.0),
        (1e-30, 1e-60, 2e-30, 1.0),
        (1e30, 1e60, 3e30, 2.0),
        (1e300, 1.7e308, 3e38, None),
        (0.0, 5e-324, 1.0, 1.0),
    ],
)
def test_constant_tiny_and_huge_features_stay_finite(mean, variance, value, expected) -> None:
    model = make_model()
    set_statistics(model, {"x": (mean, variance)})
    found = float(np.asarray(model({"x": np.array([[value]], np.float32)}))[0, 0])
    assert np.isfinite(found)
    assert expected is None or found == pytest.approx(expected, abs=1e-6)


def test_a_constant_whole_number_of_any_size_becomes_0() -> None:
    for constant in (0, 7, -(2**40), 2**63 - 1, -(2**63)):
        model = make_model("int64")
        set_statistics(model, {"x": (float(constant), 0.0)})
        assert float(np.asarray(model({"x": np.array([[constant]])}))[0, 0]) == 0.0


@pytest.mark.parametrize(
    ("statistics", "reason"),
    [
        ({"y": (0, 1)}, r'StreamNormalization\("x"\): expected a feature with a mean.*got "x"'),
        ({}, r"there are: none"),
        ({"x": ([0, 1], [1, 1])}, r"expected statistics of shape \(3,\).*got shape \(2,\)"),
        ({"x": (0, -1)}, "variances of at least 0"),
        ({"x": (np.nan, 1)}, "expected finite means"),
        ({"x": (0, np.inf)}, r"variances \[inf inf inf\]"),
    ],
)
def test_statistics_that_do_not_fit_are_refused(statistics, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        set_statistics(make_model(shape=(3,)), statistics)


def test_rows_of_any_length_are_refused() -> None:
    with pytest.raises(ModelError, match="expected an input whose rows have one shape"):
        StreamNormalization("x")(keras.Input((None,), name="x"))


def test_layers_are_found_in_nested_models_and_checked_before_any_is_set() -> None:
    model = make_learner().model
    check_normalized(model, {"amount": (), "hour": (1,)})
    before = model.get_weights()
    for shapes in ({"amount": ()}, {"amount": (), "hour": (2,)}, {"hour": (), "amuont": ()}):
        with pytest.raises(ModelError):
            check_normalized(model, shapes)
        with pytest.raises(ModelError):
            set_statistics(model, {n: (np.full(s, 5.0), np.ones(s)) for n, s in shapes.items()})
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


def test_a_model_without_such_layers_is_left_alone() -> None:
    entry = keras.Input((1,))
    plain = keras.Model(entry, keras.layers.Dense(1)(entry))
    before = plain.get_weights()
    set_statistics(plain, {"x": (3, 4)})
    for old, now in zip(before, plain.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


def test_training_leaves_the_statistics_and_uses_them() -> None:
    learner, other = make_learner(), make_learner()
    other.model.set_weights(learner.model.get_weights())
    set_statistics(learner.model, STATISTICS)
    data = raw()
    scaled = {n: (data.features[n] - m) / np.sqrt(v) for n, (m, v) in STATISTICS.items()}
    plain = Data({n: v.astype(np.float32) for n, v in scaled.items()}, data.labels)
    kept = [w.numpy().copy() for w in learner.model.non_trainable_weights]
    train(learner, data)
    train(other, plain)
    for before, after in zip(kept, learner.model.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(before, after.numpy())
    np.testing.assert_allclose(
        learner.predict(data.features), other.predict(plain.features), atol=1e-5
    )


def test_new_statistics_are_seen_by_functions_that_were_traced_before() -> None:
    learner, data = make_learner(), raw()
    train(learner, data)
    before = learner.predict(data.features)
    set_statistics(learner.model, STATISTICS)
    assert np.abs(learner.predict(data.features) - before).max() > 1e-3
    fresh = make_learner()
    fresh.model.set_weights(learner.model.get_weights())
    np.testing.assert_array_equal(learner.predict(data.features), fresh.predict(data.features))


def test_rounds_are_the_same_bits_after_a_checkpoint(tmp_path: Path) -> None:
    first, data = make_learner(), raw()
    set_statistics(first.model, STATISTICS)
    train(first, data)
    saved = save(first.model, tmp_path / "w.npz")
    second = make_learner()
    assert load(second.model, tmp_path / "w.npz") == saved
    later = {"amount": (3.5, 5.0), "hour": (-1.1, 0.3)}
    for learner in (first, second):
        set_statistics(learner.model, later)
        train(learner, data, seed=2)
    assert digest(first.model) == digest(second.model)


def test_a_diverged_round_leaves_the_statistics_that_it_was_given() -> None:
    learner, data = make_learner(), raw()
    set_statistics(learner.model, STATISTICS)
    before = digest(learner.model)
    broken = Data({**data.features, "hour": np.full(len(data.labels), np.nan)}, data.labels)
    dataset, steps = make_dataset(broken, epochs=1)
    report = learner.train(dataset, steps, None, TrainSettings(epochs=1, monitor="loss"))
    assert report.diverged is not None
    assert digest(learner.model) == before


def test_it_is_saved_by_its_registered_name(tmp_path: Path) -> None:
    learner, data = make_learner(), raw()
    set_statistics(learner.model, STATISTICS)
    learner.model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(
        again.predict(data.features, verbose=0), learner.model.predict(data.features, verbose=0)
    )
    config = keras.saving.serialize_keras_object(StreamNormalization("x"))
    assert config["registered_name"] == "millstream>StreamNormalization"


def test_half_precision_does_not_round_what_comes_in() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = make_model()
    finally:
        keras.config.set_dtype_policy("float32")
    set_statistics(model, {"x": (1e6, 100.0)})
    found = np.asarray(model({"x": np.array([[1e6 + 5]], np.float32)}))
    assert found.tolist() == [[0.5]]
