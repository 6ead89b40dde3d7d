"""Models with and without sharded layers, for the tests of those."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from conftest import Data, make_dataset

from trainer import Learner, TrainSettings
from trainer.sharded import ShardedDense, ShardedEmbedding

SHARDS = 4
ROWS, UNITS = 101, 30  # neither can be divided by four


def make_model(
    sharded: bool, optimizer: Callable[[], keras.optimizers.Optimizer] = keras.optimizers.Adam
) -> keras.Model:
    """Two numbers and three places, through a table, a dense layer and a dropout."""
    keras.utils.set_random_seed(3)
    inputs = {
        "place": keras.Input((3,), name="place", dtype="int32"),
        "size": keras.Input((2,), name="size"),
    }
    if sharded:
        table = ShardedEmbedding(ROWS, 8, SHARDS, name="table")
        dense = ShardedDense(UNITS, SHARDS, activation="relu", name="dense")
    else:
        table = keras.layers.Embedding(ROWS, 8, name="table")
        dense = keras.layers.Dense(UNITS, activation="relu", name="dense")
    places = keras.layers.Flatten()(table(inputs["place"]))
    hidden = dense(keras.layers.Concatenate()([places, inputs["size"]]))
    hidden = keras.layers.Dropout(0.2, seed=5)(hidden)
    last = keras.layers.Dense(1, activation="sigmoid", dtype="float32", name="last")
    model = keras.Model(inputs, last(hidden))
    model.compile(optimizer(), "binary_crossentropy")
    return model


def make_rows(rows: int = 200, seed: int = 0) -> Data:
    """Rows of such a model, and labels that depend on them."""
    random = np.random.default_rng(seed)
    place = random.integers(0, ROWS, (rows, 3)).astype(np.int32)
    size = random.normal(size=(rows, 2)).astype(np.float32)
    labels = (np.sin(place[:, 0]) + size[:, 0] > 0).astype(np.int32)
    return Data({"place": place, "size": size}, labels)


def train_round(learner: Learner, number: int) -> None:
    """Train a round on rows of its own."""
    dataset, steps = make_dataset(make_rows(seed=2 * number), 2)
    validation = (*make_rows(50, 1), None)
    settings = TrainSettings(epochs=2)
    report = learner.train(dataset, steps, validation, settings, round_seed=number)
    assert report.diverged is None
