"""Sharded models that are saved, go on, are made whole, and are exported."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from sharded_models import ROWS, SHARDS, UNITS, make_model, make_rows, train_round

import trainer
from registry import LiteModel, export_float32, weights
from tests.millstream.preloaded import Started
from trainer import CheckpointError, Learner, ModelError
from trainer.sharded import (
    ShardedDense,
    ShardedEmbedding,
    bytes_by_device,
    is_sharded,
    unsharded,
)

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Learner, Path]:
    """A learner after a round, and its checkpoint."""
    learner = Learner(make_model(sharded=True))
    train_round(learner, 1)
    path = tmp_path_factory.mktemp("sharded") / "weights.npz"
    trainer.save(learner.model, path)
    return learner, path


def test_a_run_goes_on_with_other_devices_bit_for_bit(trained: tuple[Learner, Path]) -> None:
    """On four, in a process of its own, as devices are made once; here on what there is."""
    learner, path = trained
    program = HERE / "sharded_process.py"
    process = Started([str(SHARDS), str(path)], HERE, os.environ, program)
    output, _ = process.communicate(200)
    assert process.returncode == 0, output
    told = json.loads(output.splitlines()[-1])
    check_placement(told)
    assert sum(told["bytes"].values()) == sum(bytes_by_device(learner.model).values())
    assert told["loaded"] == trainer.digest(path)
    train_round(learner, 2)
    assert told["digest"] == trainer.digest(learner.model) != told["loaded"]


def check_placement(told: dict) -> None:
    """Each of four devices has a quarter of the bytes, and does what is to be done with it."""
    names = [f"CPU:{number}" for number in range(SHARDS)]
    assert told["devices"] == [f"/device:{name}" for name in names]
    assert list(told["bytes"]) == names
    assert max(told["bytes"].values()) < 0.3 * sum(told["bytes"].values())
    step = told["step"]
    assert [one["device"] for one in step] == names
    # Forwards, and backwards to inputs and kernel; the first has the last layer besides.
    assert [one["products"] for one in step] == [6, 3, 3, 3]
    for one in step[1:]:
        assert len(one["sent"]) == 3  # looked-up rows, columns, and the gradient of the inputs
        assert not [name for name in one["sent"] if "ReadVariable" in name or "adam" in name]
    for one in told["dense"][1:]:
        assert len(one["sent"]) == 2  # without a table, gradients have another way in Keras


def test_a_checkpoint_of_other_parts_is_refused(trained: tuple[Learner, Path]) -> None:
    with pytest.raises(CheckpointError, match="table/embeddings float32"):
        trainer.load(make_model(sharded=False), trained[1])


def test_the_export_is_that_of_a_whole_model(trained: tuple[Learner, Path]) -> None:
    learner = trained[0]
    whole = unsharded(learner.model)
    assert not is_sharded(whole)
    assert unsharded(whole) is whole
    data = make_rows(300, seed=7)
    exported = export_float32(whole)
    expected = learner.predict(data.features)
    np.testing.assert_allclose(LiteModel(exported).predict(data.features), expected, atol=1e-6)
    assert sorted((weight.op, weight.values.size) for weight in weights(exported)) == [
        ("FULLY_CONNECTED", UNITS),
        ("FULLY_CONNECTED", (3 * 8 + 2) * UNITS),
        ("GATHER", ROWS * 8),
    ]


def test_nested_sequential_and_shared_layers_are_made_whole() -> None:
    inner = keras.Sequential([keras.Input((4,)), ShardedDense(6, 2), layers.BatchNormalization()])
    table = ShardedEmbedding(9, 4, 2)
    inputs = {name: keras.Input((), name=name, dtype="int32") for name in "ab"}
    both = [inner(table(tensor)) for tensor in inputs.values()]
    model = keras.Model(inputs, layers.Dense(1)(layers.Add()(both)))
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.5, 1.0, w.shape) for w in model.get_weights()])
    whole = unsharded(model)
    assert not is_sharded(whole)
    assert list(whole.input) == ["a", "b"]
    rows = {"a": np.arange(9), "b": np.arange(9)[::-1]}
    np.testing.assert_allclose(whole(rows), model(rows), rtol=1e-6)
    assert model.count_params() == whole.count_params()


@keras.saving.register_keras_serializable("tests")
class Holder(keras.layers.Layer):
    """A layer with a sharded one inside."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.inner = ShardedDense(4, 2)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.inner(inputs)


def test_what_cannot_be_made_whole_is_refused() -> None:
    given = keras.Input((3,), name="x")
    with pytest.raises(ModelError, match=r'Holder "held".*got ShardedDense ".*" inside a layer'):
        unsharded(keras.Model(given, Holder(name="held")(given)))


def test_a_keras_file_holds_the_layers(tmp_path: Path) -> None:
    model = make_model(sharded=True)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in model.layers]
    data = make_rows(9)
    np.testing.assert_array_equal(again(data.features), model(data.features))
