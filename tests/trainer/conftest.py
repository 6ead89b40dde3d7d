"""Small models and data that the trainer's tests share."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

FEATURES = ("amount", "hour", "place")


class Data(NamedTuple):
    features: Mapping[str, np.ndarray]
    labels: np.ndarray


def make_data(rows: int, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    amount = rng.normal(size=rows).astype(np.float32)
    hour = rng.normal(size=rows).astype(np.float32)
    place = rng.integers(0, 8, rows).astype(np.int32)
    chance = 1 / (1 + np.exp(-(2 * amount - hour + 0.3 * place - 1)))
    labels = (rng.random(rows) < chance).astype(np.int32)
    return Data({"amount": amount, "hour": hour, "place": place}, labels)


def make_dataset(
    data: Data, epochs: int, batch: int = 64, weights: np.ndarray | None = None
) -> tuple[tf.data.Dataset, int]:
    """All epochs one after another, each in an order of its own, and the batches of an epoch."""
    parts: list[tf.data.Dataset] = []
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(data.labels))
        row = ({name: v[order] for name, v in data.features.items()}, data.labels[order])
        if weights is not None:
            row = (*row, weights[order])
        parts.append(tf.data.Dataset.from_tensor_slices(row).batch(batch))
    joined = parts[0]
    for part in parts[1:]:
        joined = joined.concatenate(part)
    return joined, -(-len(data.labels) // batch)


def make_inputs() -> dict[str, keras.KerasTensor]:
    inputs = {name: keras.Input((1,), name=name) for name in ("amount", "hour")}
    return inputs | {"place": keras.Input((1,), name="place", dtype="int32")}


def make_model(
    optimizer: keras.optimizers.Optimizer | None = None,
    noise: Callable[[keras.KerasTensor], keras.KerasTensor] | None = None,
    loss: str = "binary_crossentropy",
    **compile_options: object,
) -> keras.Model:
    inputs = make_inputs()
    place = keras.layers.Flatten()(keras.layers.Embedding(8, 4)(inputs["place"]))
    hidden = keras.layers.Concatenate()([inputs["amount"], inputs["hour"], place])
    hidden = keras.layers.Dense(16, activation="relu")(hidden)
    hidden = keras.layers.Dropout(0.3)(hidden)
    if noise is not None:
        hidden = noise(hidden)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    if optimizer is None:
        schedule = keras.optimizers.schedules.CosineDecay(0.01, 200)
        optimizer = keras.optimizers.Adam(schedule)
    model.compile(optimizer=optimizer, loss=loss, **compile_options)
    return model


@pytest.fixture
def model() -> keras.Model:
    keras.utils.set_random_seed(7)
    return make_model()


@pytest.fixture
def data() -> Data:
    return make_data(500)


@pytest.fixture
def validation() -> tuple[Mapping[str, np.ndarray], np.ndarray, None]:
    return (*make_data(200, seed=1), None)
