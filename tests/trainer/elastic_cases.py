"""Models, rows and batches that the tests of several workers share: the same for any number."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

FEATURES = ("amount", "hour", "place")
ROWS, BATCH, VALIDATION = 331, 64, 150
SHARES = (0.72, 0.2, 0.05, 0.03)  # uneven: most batches have no row of the last partition


@dataclass(frozen=True)
class Rows:
    """All rows of all workers."""

    features: dict[str, np.ndarray]
    labels: np.ndarray
    weights: np.ndarray
    share: np.ndarray

    def of(self, rank: int, size: int) -> tuple[Any, ...]:
        """Own validation rows of a worker."""
        own = np.flatnonzero(self.share % size == rank)
        features = {name: column[own] for name, column in self.features.items()}
        return features, self.labels[own], self.weights[own], self.share[own]


def make_rows(count: int, seed: int, partitions: int = len(SHARES)) -> Rows:
    rng = np.random.default_rng(seed)
    amount, hour = rng.normal(size=(2, count)).astype(np.float32)
    place = rng.integers(0, 8, count).astype(np.int32)
    chance = 1 / (1 + np.exp(-(2 * amount - hour + 0.3 * place - 1)))
    labels = (rng.random(count) < chance).astype(np.int32)
    weights = rng.uniform(0.2, 2.0, count).astype(np.float32)
    shares = np.array(SHARES[:partitions])
    share = rng.choice(partitions, count, p=shares / shares.sum()).astype(np.int32)
    return Rows({"amount": amount, "hour": hour, "place": place}, labels, weights, share)


def own_batches(
    rows: Rows, epochs: int, rank: int, size: int, batch: int = BATCH, seed: int = 0
) -> tuple[tf.data.Dataset, int]:
    """The own rows of each global batch, and how many batches an epoch has."""
    elements = []
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(rows.labels))
        for begin in range(0, len(order), batch):
            whole = order[begin : begin + batch]
            at = np.flatnonzero(rows.share[whole] % size == rank)
            own = whole[at]
            place = {"rows": np.int32(len(whole)), "at": at.astype(np.int32)}
            features = {name: column[own] for name, column in rows.features.items()}
            place["share"] = rows.share[own]
            elements.append((features, rows.labels[own], rows.weights[own], place))
    spec = tf.nest.map_structure(
        lambda a: tf.TensorSpec([None, *a.shape[1:]] if a.ndim else [], a.dtype), elements[0]
    )
    dataset = tf.data.Dataset.from_generator(lambda: iter(elements), output_signature=spec)
    return dataset, -(-len(rows.labels) // batch)


def make_model(
    layers: Callable[[Any], Any] = lambda hidden: hidden,
    embed: bool = True,
    optimizer: Callable[[], Any] = lambda: keras.optimizers.Adam(0.02, global_clipnorm=0.3),
    loss: Any = "binary_crossentropy",
    **compile_options: Any,
) -> keras.Model:
    keras.utils.set_random_seed(7)
    inputs = {name: keras.Input((1,), name=name) for name in FEATURES[:2]}
    inputs["place"] = keras.Input((1,), name="place", dtype="int32")
    if embed:
        place = keras.layers.Flatten()(keras.layers.Embedding(8, 4)(inputs["place"]))
    else:
        place = keras.layers.Lambda(lambda p: keras.ops.cast(p, keras.config.floatx()))(
            inputs["place"]
        )
    hidden = keras.layers.Concatenate()([inputs["amount"], inputs["hour"], place])
    regularizer = keras.regularizers.L2(1e-3)
    hidden = keras.layers.Dense(16, activation="relu", kernel_regularizer=regularizer)(hidden)
    output = keras.layers.Dense(1, activation="sigmoid")(layers(hidden))
    model = keras.Model(inputs, output)
    options = {"metrics": ["accuracy"], "weighted_metrics": ["AUC"], **compile_options}
    model.compile(optimizer=optimizer(), loss=loss, **options)
    return model


def dropout(hidden: Any) -> Any:
    return keras.layers.Dropout(0.3, seed=3)(hidden)


def noise(hidden: Any) -> Any:
    hidden = keras.layers.GaussianNoise(0.1, seed=4)(hidden)
    hidden = keras.layers.Reshape((4, 4))(hidden)
    hidden = keras.layers.SpatialDropout1D(0.2, seed=5)(hidden)
    return keras.layers.GaussianDropout(0.1, seed=6)(keras.layers.Flatten()(hidden))


def normalization(hidden: Any) -> Any:
    return keras.layers.BatchNormalization(momentum=0.9)(dropout(hidden))


def frozen(hidden: Any) -> Any:
    norm = keras.layers.BatchNormalization()
    norm.trainable = False
    return norm(noise(dropout(hidden)))


def by_weight() -> keras.losses.Loss:
    return keras.losses.BinaryCrossentropy(reduction="mean_with_sample_weight")


def by_sum() -> keras.losses.Loss:
    return keras.losses.BinaryCrossentropy(reduction="sum")


def sgd() -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(0.05, momentum=0.9, clipvalue=0.02)


def gathering() -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(0.02, clipnorm=0.3, gradient_accumulation_steps=4)


# Name: determinism, float type, the model.
CASES: dict[str, tuple[str, str, Callable[[], keras.Model]]] = {
    "numeric": ("numeric", "float64", lambda: make_model(lambda hidden: noise(dropout(hidden)))),
    "normalized": ("numeric", "float64", lambda: make_model(normalization, False, sgd, by_sum())),
    "gathered": ("numeric", "float64", lambda: make_model(dropout, True, gathering, by_weight())),
    "bitwise": ("bitwise", "float32", lambda: make_model(frozen)),
    "bitwise_gathered": (
        "bitwise",
        "float32",
        lambda: make_model(dropout, True, gathering, by_sum()),
    ),
}


def replaced(rows: Rows, **columns: Any) -> Rows:
    return replace(rows, **columns)
