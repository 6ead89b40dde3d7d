"""The `.keras` file of a version: what was exported, loadable, the same bytes each time."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import Sample, predict

from registry import ExportError
from registry.keras_file import KerasFile, make_keras_file


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


def load(made: KerasFile, folder: Path) -> keras.Model:
    path = folder / "model.keras"
    path.write_bytes(made.content)
    return keras.saving.load_model(path)


def small(*middle: layers.Layer) -> keras.Model:
    model = keras.Sequential([keras.Input((2,), name="x"), layers.Dense(3), *middle])
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_it_is_the_model_without_its_optimizer(
    samples: dict[str, Sample], name: str, tmp_path: Path
) -> None:
    sample = samples[name]
    made = make_keras_file(sample.model)
    loaded = load(made, tmp_path)
    np.testing.assert_array_equal(
        predict(loaded, sample.features), predict(sample.model, sample.features)
    )
    assert made.classes == ()


def test_a_trained_model_stays_as_it_is_and_its_optimizer_is_left_out(tmp_path: Path) -> None:
    model = small()
    model.fit(np.ones((4, 2)), np.ones((4, 3)), epochs=1, verbose=0)
    optimizer, weights = model.optimizer, model.get_weights()
    with_optimizer = tmp_path / "whole.keras"
    model.save(with_optimizer)
    made = make_keras_file(model)
    assert model.optimizer is optimizer
    assert model.compiled
    loaded = load(made, tmp_path)
    assert not loaded.compiled
    for before, after in zip(weights, loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert len(made.content) < with_optimizer.stat().st_size


def test_the_bytes_are_the_same_each_time(
    samples: dict[str, Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    import datetime

    from keras.src.saving import saving_lib

    class Later(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime(2099, 1, 1)

    one = make_keras_file(samples["mlp"].model)
    monkeypatch.setattr(saving_lib.datetime, "datetime", Later)
    other = make_keras_file(samples["mlp"].model)
    assert one == other
    assert one.sha256 == other.sha256
    assert b"2099" not in zipfile.ZipFile(io.BytesIO(other.content)).read("metadata.json")


def test_classes_that_are_needed_are_told(tmp_path: Path) -> None:
    made = make_keras_file(small(Doubling(), layers.Activation(squash)))
    assert made.classes == ("tests>Doubling", "tests>squash")
    given = np.ones((3, 2), np.float32)
    assert load(made, tmp_path).predict(given, verbose=0).shape == (3, 3)


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (Unspeakable(2.0), 'model ".*" cannot be saved as .keras: .*Unspeakable'),
        (layers.Lambda(squash), "a Lambda would bring code along"),
        (layers.Lambda(lambda x: 2 * x), "a Lambda would bring code along"),
    ],
    ids=["no argument in get_config", "Lambda", "lambda"],
)
def test_what_cannot_be_saved_is_told(layer: layers.Layer, told: str) -> None:
    with pytest.raises(ExportError, match=told):
        make_keras_file(small(layer))
