"""How far a state is from a checkpoint: floats by their distance, whole numbers exactly."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import trainer
from trainer.tolerance import Distance, distance


@pytest.fixture(scope="module")
def model() -> keras.Model:
    built = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dropout(0.5)])
    built.compile(optimizer=keras.optimizers.Adam(), loss="mse")
    built.optimizer.build(built.trainable_variables)
    return built


def moved(model: keras.Model, path: Path, by: float, where: int = 0) -> Distance:
    """The distance after one number of one weight has moved."""
    trainer.load(model, path)
    value = np.array(model.weights[where].numpy())
    value.flat[0] += by
    model.weights[where].assign(value)
    return distance(model, path)


def test_nothing_is_between_a_model_and_its_checkpoint(model: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    trainer.save(model, path)
    assert distance(model, path) == Distance(0.0, 0.0, "", ())
    assert distance(model, path).within(0.0)


def test_floats_are_told_by_their_distance(model: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    model.layers[0].kernel.assign(np.full((2, 3), 4.0))
    trainer.save(model, path)
    found = moved(model, path, 0.5)
    assert (found.absolute, found.relative) == (0.5, 0.125)
    assert found.variable == str(model.layers[0].kernel.path)
    assert found.within(0.125)
    assert not found.within(0.1249)
    after = model.layers[0].kernel.numpy()
    assert after[0, 0] == 4.5  # the model is left as it was
    assert moved(model, path, np.nan).relative == np.inf
    assert not moved(model, path, np.inf).within(1e9)


def test_rounding_around_zero_is_not_far(model: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    model.layers[0].bias.assign(np.zeros(3))
    trainer.save(model, path)
    found = moved(model, path, 1e-9, where=1)
    assert found.absolute == pytest.approx(1e-9)
    assert found.relative == pytest.approx(1e-3)


def test_whole_numbers_must_be_the_same(model: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    trainer.save(model, path)
    model.optimizer.iterations.assign_add(1)
    found = distance(model, path)
    assert found.uneven == (str(model.optimizer.iterations.path),)
    assert found.absolute == 0.0
    assert not found.within(1.0)


def test_another_model_is_refused(model: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    trainer.save(model, path)
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
    other.compile(optimizer="sgd", loss="mse")
    with pytest.raises(trainer.CheckpointError, match="of the model now"):
        distance(other, path)
