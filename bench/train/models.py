"""The models of the benchmarks; a copy of this file is the model file of their projects."""

import keras
from keras import layers

FEATURES = tuple(f"x{number}" for number in range(12))
CATEGORIES = 11  # the tenth and those that are in no vocabulary


def million() -> keras.Model:
    """Two hidden layers, a million weights."""
    return _build(1000)


def tiny() -> keras.Model:
    """Hardly any work to train."""
    return _build(4)


def _build(width: int) -> keras.Model:
    numbers = {name: keras.Input((1,), name=name) for name in FEATURES}
    category = keras.Input((1,), name="cat", dtype="int32")
    embedded = layers.Flatten()(layers.Embedding(CATEGORIES, 4)(category))
    x = layers.Concatenate()([*numbers.values(), embedded])
    for _ in range(2):
        x = layers.Dense(width, activation="relu")(x)
    y = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model({**numbers, "cat": category}, y)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy")
    return model
