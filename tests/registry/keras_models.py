"""Small Keras models of every kind that the registry must carry, with features and schemas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

ROWS = 64
CARRIERS = ("UA", "AA", "DL")
DESTINATIONS = 30


@dataclass(frozen=True)
class Sample:
    """A model, encoded features for it, the schema of its raw values, and its export."""

    model: Any
    features: dict[str, np.ndarray]
    schema: dict[str, Any]
    tflite: bytes


def field(name: str, dtype: str, role: str = "feature", **more: Any) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "role": role, "vocabulary": [], "buckets": 0} | more


def mlp() -> tuple[Any, dict[str, np.ndarray], dict[str, Any]]:
    """Dense layers over a dict of scalars and two embeddings; one sigmoid."""
    inputs = {
        "delay": keras.Input((), name="delay", dtype="float32"),
        "hour": keras.Input((), name="hour", dtype="int32"),
        "weekend": keras.Input((), name="weekend", dtype="bool"),
        "carrier": keras.Input((), name="carrier", dtype="int32"),
        "dest": keras.Input((), name="dest", dtype="int32"),
    }
    numbers = [
        layers.Reshape((1,))(keras.ops.cast(inputs[name], "float32"))
        for name in ("delay", "hour", "weekend")
    ]
    tables = [
        layers.Embedding(len(CARRIERS) + 1, 4)(inputs["carrier"]),
        layers.Embedding(DESTINATIONS + 1, 8)(inputs["dest"]),
    ]
    hidden = layers.Dense(64, activation="relu")(layers.Concatenate()([*numbers, *tables]))
    hidden = layers.Dense(32, activation="relu")(layers.Dropout(0.5)(hidden))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    random = np.random.default_rng(1)
    features = {
        "delay": random.normal(size=ROWS).astype(np.float32),
        "hour": random.integers(0, 3, ROWS).astype(np.int32),
        "weekend": random.integers(0, 2, ROWS).astype(bool),
        "carrier": random.integers(0, len(CARRIERS) + 1, ROWS).astype(np.int32),
        "dest": random.integers(0, DESTINATIONS + 1, ROWS).astype(np.int32),
    }
    fields = [
        field("delay", "float32"),
        field("hour", "int32"),
        field("weekend", "bool"),
        field("carrier", "category", vocabulary=list(CARRIERS)),
        field("dest", "category", buckets=DESTINATIONS),
        field("unused", "float32"),
        field("late", "bool", role="label"),
    ]
    return model, features, {"fields": fields, "task": "binary", "metric": "auc"}


def cnn() -> tuple[Any, dict[str, np.ndarray], dict[str, Any]]:
    """Convolutions over 16 scalar pixels, given as a list of inputs; a softmax over 10 classes."""
    names = [f"p{i:02d}" for i in range(16)]
    inputs = [keras.Input((1,), name=name) for name in names]
    image = layers.Reshape((4, 4, 1))(layers.Concatenate()(inputs))
    image = layers.Conv2D(16, 3, padding="same", activation="relu")(image)
    image = layers.BatchNormalization()(image)
    image = layers.Conv2D(24, 3, padding="same", activation="relu")(image)
    model = keras.Model(
        inputs, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(image))
    )
    random = np.random.default_rng(2)
    features = {name: random.random(ROWS).astype(np.float32) for name in names}
    fields = [field(name, "float32") for name in names]
    label = field("digit", "category", role="label", vocabulary=[str(i) for i in range(10)])
    return model, features, {"fields": [*fields, label], "task": "multiclass"}


def image() -> tuple[Any, dict[str, np.ndarray], dict[str, Any]]:
    """A Sequential CNN over one image input."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    features = {"image": np.random.default_rng(3).random((ROWS, 8, 8, 1)).astype(np.float32)}
    return model, features, {"fields": [field("image", "float32")], "task": "multiclass"}


def softmax() -> tuple[Any, dict[str, np.ndarray], dict[str, Any]]:
    """Three classes of two numbers."""
    inputs = {name: keras.Input((1,), name=name) for name in ("a", "b")}
    hidden = layers.Dense(40, activation="relu")(layers.Concatenate()(list(inputs.values())))
    hidden = layers.Dense(40, activation="relu")(hidden)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))
    random = np.random.default_rng(4)
    features = {name: random.normal(size=ROWS).astype(np.float32) for name in inputs}
    label = field("kind", "category", role="label", vocabulary=["x", "y", "z"])
    return model, features, {"fields": [field("a", "float32"), field("b", "float32"), label]}


def regression() -> tuple[Any, dict[str, np.ndarray], dict[str, Any]]:
    """One number from one number."""
    entry = keras.Input((1,), name="x")
    hidden = layers.Dense(48, activation="tanh")(layers.Dense(48, activation="relu")(entry))
    model = keras.Model(entry, layers.Dense(1)(hidden))
    features = {"x": np.random.default_rng(5).normal(size=ROWS).astype(np.float32)}
    label = field("y", "float32", role="label")
    return model, features, {"fields": [field("x", "float32"), label], "task": "regression"}


BUILDERS = {
    "mlp": mlp,
    "cnn": cnn,
    "image": image,
    "softmax": softmax,
    "regression": regression,
}


def predict(model: Any, features: dict[str, np.ndarray]) -> np.ndarray:
    """What Keras itself predicts, in the shape that the registry answers in."""
    if isinstance(getattr(model, "_inputs_struct", None), dict):
        answer = np.asarray(model.predict(features, verbose=0, batch_size=ROWS))
    else:
        ordered = [features[tensor.name] for tensor in model.inputs]
        given = ordered if len(ordered) > 1 else ordered[0]
        answer = np.asarray(model.predict(given, verbose=0, batch_size=ROWS))
    return answer[:, 0] if answer.shape[1] == 1 else answer
