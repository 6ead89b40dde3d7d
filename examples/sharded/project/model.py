"""Whether a user likes an item: two tables and two dense layers, each in four parts."""

import keras
from keras import layers

import millstream

SHARDS = 4
millstream.virtual_devices(SHARDS)  # without GPUs; on a machine that has some they are used


def build() -> keras.Model:
    """A compiled model; its inputs are named after the schema's features."""
    user, item = (keras.Input((1,), name=name, dtype="int32") for name in ("user", "item"))
    users = millstream.ShardedEmbedding(20_001, 32, SHARDS, name="users")(user)
    items = millstream.ShardedEmbedding(2_001, 32, SHARDS, name="items")(item)
    hidden = layers.Concatenate()([layers.Flatten()(users), layers.Flatten()(items)])
    for name in ("first", "second"):
        hidden = millstream.ShardedDense(512, SHARDS, activation="relu", name=name)(hidden)
        hidden = layers.Dropout(0.2)(hidden)
    liked = layers.Dense(1, activation="sigmoid", name="liked")(hidden)
    model = keras.Model({"user": user, "item": item}, liked)
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="binary_crossentropy")
    return model
