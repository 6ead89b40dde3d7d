"""The flights model: embeddings of carrier, origin and destination, two dense layers."""

import keras
from keras import layers, ops


def build() -> keras.Model:
    """A compiled model; its inputs are named after the schema's features."""
    numbers = {
        name: keras.Input((1,), name=name)
        for name in ("dep_delay", "distance", "sched_minute", "arr_minute")
    }
    cyclic = {name: keras.Input((1,), name=name, dtype="int32") for name in ("month", "weekday")}
    categories = {
        name: keras.Input((1,), name=name, dtype="int32") for name in ("carrier", "origin", "dest")
    }
    delay = ops.clip(numbers["dep_delay"] / 60.0, -1.0, 5.0)
    parts = [
        delay,
        ops.relu(delay - 0.25),
        numbers["distance"] / 1000.0,
        numbers["sched_minute"] / 1440.0,
        numbers["arr_minute"] / 1440.0,
    ]
    sizes = {"month": (13, 3), "weekday": (7, 2), "carrier": (33, 6), "origin": (4, 2)}
    sizes["dest"] = (257, 8)
    for name, tensor in (cyclic | categories).items():
        size, width = sizes[name]
        parts.append(layers.Flatten()(layers.Embedding(size, width, name=f"embed_{name}")(tensor)))
    x = layers.Concatenate()(parts)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(0.1)(x)
    x = layers.Dense(64, activation="relu")(x)
    late = layers.Dense(1, activation="sigmoid", name="late")(x)
    model = keras.Model(numbers | cyclic | categories, late)
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss="binary_crossentropy",
        metrics=[keras.metrics.AUC(name="auc")],
    )
    return model
