"""Small models of each family that the rungs which change models must carry, quick to build."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from registry import Examples

ROWS = 48


def dense() -> Any:
    """Three dense layers, one of them of the same width as its input, with GELU."""
    x = entry = keras.Input((6,), name="x")
    x = layers.Dense(16, activation="gelu")(x)
    x = layers.Dropout(0.3)(x)
    x = layers.Dense(16, activation="tanh", name="same")(x)
    return keras.Model({"x": entry}, layers.Dense(1, activation="sigmoid")(x))


def depthwise() -> Any:
    """A Sequential CNN: batch normalization, depthwise and separable convolutions, flattened."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 2), name="image"),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.PReLU(shared_axes=[1, 2]),
            layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2, activation="relu"),
            layers.SeparableConv2D(12, 3, padding="same", activation="silu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(20, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def residual() -> Any:
    """A CNN with a residual block, and a second branch with a projection."""
    entry = keras.Input((6, 6, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="stem")(entry)
    inner = layers.Conv2D(8, 3, padding="same", use_bias=False, name="inner")(x)
    inner = layers.ReLU()(layers.BatchNormalization()(inner))
    x = layers.Add(name="sum")([x, inner])
    wide = layers.Conv2D(12, 1, strides=2, name="projection")(x)
    x = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu", name="branch")(x)
    x = layers.GlobalAveragePooling2D()(layers.Add(name="second")([wide, x]))
    return keras.Model(entry, layers.Dense(4, activation="softmax")(x))


def embeddings() -> Any:
    """Embeddings of two categories beside a number, concatenated."""
    inputs = {
        "number": keras.Input((1,), name="number"),
        "a": keras.Input((), name="a", dtype="int32"),
        "b": keras.Input((), name="b", dtype="int32"),
    }
    tables = [layers.Embedding(9, 8)(inputs["a"]), layers.Embedding(9, 8)(inputs["b"])]
    x = layers.Concatenate()([inputs["number"], *tables])
    x = layers.Dense(24, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def branches() -> Any:
    """Branches that are concatenated, multiplied and shared, and functions of `keras.ops`."""
    left, right = keras.Input((5,), name="left"), keras.Input((5,), name="right")
    shared = layers.Dense(8, activation="relu", name="shared")
    a, b = shared(left), shared(right)
    gate = layers.Dense(8, activation="sigmoid", name="gate")(left)
    c = keras.ops.silu(layers.Dense(4, name="plain")(right) * 0.5 + 1.0)
    x = layers.Concatenate()([a * gate, b, c])
    x = layers.Reshape((4, 3))(layers.Dense(12, activation="relu", name="folded")(x))
    x = layers.Conv1D(6, 2, padding="same", activation="relu")(x)
    return keras.Model([left, right], layers.Dense(2)(layers.GlobalMaxPooling1D()(x)))


def recurrent() -> Any:
    """GRU over LSTM over an embedding, unrolled."""
    entry = keras.Input((5,), name="words", dtype="int32")
    x = layers.Embedding(9, 8)(entry)
    x = layers.LSTM(8, return_sequences=True, unroll=True, name="lstm")(x)
    x = layers.GRU(8, unroll=True, name="gru")(x)
    return keras.Model(entry, layers.Dense(3, activation="softmax")(x))


def transformer() -> Any:
    """One block of attention and a feed-forward branch, pooled."""
    entry = keras.Input((5,), name="words", dtype="int32")
    x = layers.Embedding(9, 8, name="table")(entry)
    attended = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.LayerNormalization()(layers.Add(name="first")([x, attended]))
    wide = layers.Dense(16, activation="gelu", name="wide")(x)
    x = layers.Add(name="second")([x, layers.Dense(8, name="narrow")(wide)])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return keras.Model(entry, layers.Dense(3, activation="softmax")(x))


def nested() -> Any:
    """A Sequential model within a functional one, each with a layer called `up`."""
    inside = keras.Sequential(
        [keras.Input((8,)), layers.Dense(12, "relu", name="up")], name="inside"
    )
    entry = keras.Input((4,), name="x")
    x = inside(layers.Dense(8, "relu", name="up")(entry))
    return keras.Model(entry, layers.Dense(2, activation="softmax")(x))


FAMILIES = {
    build.__name__: build
    for build in (
        dense,
        depthwise,
        residual,
        embeddings,
        branches,
        recurrent,
        transformer,
        nested,
    )
}


def build(name: str) -> Any:
    """A model of a family, compiled, its weights spread so that nothing is zero."""
    keras.utils.set_random_seed(3)
    model = FAMILIES[name]()
    draw = np.random.default_rng(3)
    for variable in model.weights:
        if "float" in variable.dtype:
            value = np.asarray(variable) + 0.2 * draw.random(variable.shape)
            variable.assign(value.astype(variable.dtype))
    losses = {1: "binary_crossentropy"}
    loss = losses.get(model.outputs[0].shape[-1], "sparse_categorical_crossentropy")
    model.compile(loss="mse" if name == "branches" else loss)
    return model


def rows_for(model: Any, rows: int = ROWS) -> Examples:
    """Drawn rows that a model takes, with labels that its loss takes."""
    draw = np.random.default_rng(4)
    features = {}
    for tensor in model.inputs:
        shape = (rows, *tensor.shape[1:])
        whole = "int" in tensor.dtype
        values = draw.integers(0, 9, shape) if whole else draw.normal(size=shape)
        features[tensor.name] = values.astype(tensor.dtype)
    width = model.outputs[0].shape[-1]
    if model.loss == "mse":
        return Examples(features, draw.normal(size=(rows, width)).astype(np.float32))
    return Examples(features, draw.integers(0, max(2, width), rows).astype(np.float32))


def output(model: Any, examples: Examples) -> np.ndarray:
    """What a model says of examples, at inference."""
    given = [examples.features[tensor.name] for tensor in model.inputs]
    named = dict(zip([tensor.name for tensor in model.inputs], given, strict=True))
    if isinstance(getattr(model, "_inputs_struct", None), dict):
        return np.asarray(model(named, training=False))
    return np.asarray(model(given if len(given) > 1 else given[0], training=False))
