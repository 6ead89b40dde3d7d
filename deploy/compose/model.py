"""The model. Its inputs are named after the features in millstream.toml; it comes compiled."""

import keras
from keras import layers, ops


def build() -> keras.Model:
    """Called once per process; what it learns goes on from round to round."""
    amount = keras.Input((1,), name="amount")
    hour = keras.Input((1,), name="hour", dtype="int32")
    country = keras.Input((1,), name="country", dtype="int32")
    x = layers.Concatenate()(
        [
            ops.log1p(ops.relu(amount)),
            layers.Flatten()(layers.Embedding(24, 4)(hour)),
            layers.Flatten()(layers.Embedding(5, 3)(country)),
        ]
    )
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dense(32, activation="relu")(x)
    fraud = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model({"amount": amount, "hour": hour, "country": country}, fraud)
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model
