"""Small Keras models of every family that the rungs must cope with, and features for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

STEPS = 8
WORDS = 200
CODES = {"airport": 300, "carrier": 40}


def dense(random: np.random.Generator, rows: int) -> tuple[Any, dict[str, np.ndarray]]:
    """Dense layers over one vector."""
    entry = keras.Input((16,), name="x")
    hidden = layers.Dense(64, activation="relu")(entry)
    hidden = layers.Dense(64, activation="relu")(hidden)
    model = keras.Model(entry, layers.Dense(1, activation="sigmoid")(hidden))
    return model, {"x": random.normal(size=(rows, 16)).astype(np.float32)}


def cnn(random: np.random.Generator, rows: int) -> tuple[Any, dict[str, np.ndarray]]:
    """Convolutions and a depthwise one, with batch normalization that folds into them."""
    entry = keras.Input((10, 10, 1), name="image")
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(16, 3, use_bias=False)(entry)))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.ReLU(6)(layers.BatchNormalization()(x))
    x = layers.Conv2D(32, 3, strides=2, activation="relu")(layers.Conv2D(24, 1)(x))
    model = keras.Model(entry, layers.Dense(5, activation="softmax")(layers.Flatten()(x)))
    return model, {"image": random.random((rows, 10, 10, 1)).astype(np.float32)}


def tables(random: np.random.Generator, rows: int) -> tuple[Any, dict[str, np.ndarray]]:
    """Embedding tables that outweigh the dense layers; a scalar beside them."""
    inputs = {name: keras.Input((), name=name, dtype="int32") for name in CODES}
    parts = [layers.Embedding(CODES[name], 16)(x) for name, x in inputs.items()]
    inputs["delay"] = keras.Input((), name="delay")
    parts.append(layers.Reshape((1,))(inputs["delay"]))
    hidden = layers.Dense(32, activation="relu")(layers.Concatenate()(parts))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    features = {n: random.integers(0, k, rows).astype(np.int32) for n, k in CODES.items()}
    return model, features | {"delay": random.normal(size=rows).astype(np.float32)}


def sequence(random: np.random.Generator, rows: int) -> tuple[Any, Any, dict[str, np.ndarray]]:
    """Tokens and their embedding, for the families below."""
    entry = keras.Input((STEPS,), name="tokens", dtype="int32")
    tokens = random.integers(0, WORDS, (rows, STEPS)).astype(np.int32)
    return entry, layers.Embedding(WORDS, 16)(entry), {"tokens": tokens}


def lstm(random: np.random.Generator, rows: int) -> tuple[Any, dict[str, np.ndarray]]:
    """An LSTM over tokens."""
    entry, x, features = sequence(random, rows)
    return keras.Model(entry, layers.Dense(3, activation="softmax")(layers.LSTM(24)(x))), features


def gru(random: np.random.Generator, rows: int) -> tuple[Any, dict[str, np.ndarray]]:
    """A GRU over tokens."""
    entry, x, features = sequence(random, rows)
    return keras.Model(entry, layers.Dense(3, activation="softmax")(layers.GRU(24)(x))), features


def transformer(random: np.random.Generator, rows: int) -> tuple[Any, dict[str, np.ndarray]]:
    """One block of attention and dense layers, each with a shortcut and a normalization."""
    entry, x, features = sequence(random, rows)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8)(x, x))
    wide = layers.Dense(16)(layers.Dense(64, activation="gelu")(x))
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x + wide))
    return keras.Model(entry, layers.Dense(3, activation="softmax")(x)), features


def two_outputs(random: np.random.Generator, rows: int) -> tuple[Any, dict[str, np.ndarray]]:
    """A probability and a number from the same hidden layer."""
    entry = keras.Input((16,), name="x")
    hidden = layers.Dense(64, activation="relu")(layers.Dense(64, activation="relu")(entry))
    ends = {"late": layers.Dense(1, activation="sigmoid")(hidden), "by": layers.Dense(1)(hidden)}
    return keras.Model(entry, ends), {"x": random.normal(size=(rows, 16)).astype(np.float32)}


FAMILIES: dict[str, Callable[..., tuple[Any, dict[str, np.ndarray]]]] = {
    "dense": dense,
    "cnn": cnn,
    "tables": tables,
    "lstm": lstm,
    "gru": gru,
    "transformer": transformer,
    "two_outputs": two_outputs,
}
