"""The `.keras` file of a version: what was exported, loadable, the same bytes each time."""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import Sample, predict

from registry import ExportError
from registry.keras_file import save_keras


@keras.saving.register_keras_serializable("tests")
class Doubling(layers.Layer):
    def call(self, x):
        return 2 * x


@keras.saving.register_keras_serializable("tests")
def squash(x):
    return keras.ops.tanh(x)


class Unspeakable(layers.Layer):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return self.factor * x


def small(*middle: layers.Layer) -> keras.Model:
    model = keras.Sequential([keras.Input((2,), name="x"), layers.Dense(3), *middle])
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_it_is_the_model_without_its_optimizer(
    samples: dict[str, Sample], name: str, tmp_path: Path
) -> None:
    sample = samples[name]
    made = save_keras(sample.model, tmp_path / "model.keras")
    loaded = keras.saving.load_model(made.path)
    np.testing.assert_array_equal(
        predict(loaded, sample.features), predict(sample.model, sample.features)
    )
    assert made.classes == ()
    assert made.bytes == made.path.stat().st_size


def test_a_trained_model_stays_as_it_is_and_its_optimizer_is_left_out(tmp_path: Path) -> None:
    model = small()
    model.fit(np.ones((4, 2)), np.ones((4, 3)), epochs=1, verbose=0)
    optimizer, weights = model.optimizer, model.get_weights()
    with_optimizer = tmp_path / "whole.keras"
    model.save(with_optimizer)
    made = save_keras(model, tmp_path / "model.keras")
    assert model.optimizer is optimizer
    assert model.compiled
    loaded = keras.saving.load_model(made.path)
    assert not loaded.compiled
    for before, after in zip(weights, loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert made.bytes < with_optimizer.stat().st_size


def test_the_bytes_are_the_same_each_time(
    samples: dict[str, Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datetime

    from keras.src.saving import saving_lib

    class Later(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime(2099, 1, 1)

    one = save_keras(samples["mlp"].model, tmp_path / "one.keras")
    monkeypatch.setattr(saving_lib.datetime, "datetime", Later)
    other = save_keras(samples["mlp"].model, tmp_path / "other.keras")
    assert one.path.read_bytes() == other.path.read_bytes()
    assert one.sha256 == other.sha256
    assert b"2099" not in zipfile.ZipFile(other.path).read("metadata.json")


def test_classes_that_are_needed_are_told(tmp_path: Path) -> None:
    made = save_keras(small(Doubling(), layers.Activation(squash)), tmp_path / "model.keras")
    assert made.classes == ("tests>Doubling", "tests>squash")
    given = np.ones((3, 2), np.float32)
    assert keras.saving.load_model(made.path).predict(given, verbose=0).shape == (3, 3)


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (Unspeakable(2.0), 'model ".*" cannot be saved as .keras: .*Unspeakable'),
        (layers.Lambda(squash), "a Lambda would bring code along"),
        (layers.Lambda(lambda x: 2 * x), "a Lambda would bring code along"),
    ],
    ids=["no argument in get_config", "Lambda", "lambda"],
)
def test_what_cannot_be_saved_is_told(layer: layers.Layer, told: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=told):
        save_keras(small(layer), tmp_path / "model.keras")
    assert not (tmp_path / "model.keras").exists()
