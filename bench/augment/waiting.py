"""How much of a training step is waiting for its batch."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bench.augment.rates import BATCH
from bench.augment.rows import IMAGES, SIDES, make_images, steps
from ingest import Augmentations, training_dataset

if TYPE_CHECKING:
    import keras

__all__ = ["make_cnn", "waiting"]


def make_cnn() -> keras.Model:
    """A small CNN for ten classes, such as one that is trained on a stream of images."""
    import keras
    from keras import layers

    image = keras.Input((3072,), name="image")
    x = layers.Reshape(SIDES)(image)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    model = keras.Model({"image": image}, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def waiting(rows: int, repeats: int) -> dict[str, float]:
    """Train with batches from the pipeline and with one batch from memory, in turns.

    Returns:
        `input_wait_share`: the median share of a step's time that passes in `next(iterator)`.
        `input_cost_share`: by how much longer the median step is than one from memory, as a share
        of it; so what the pipeline takes of the cores while a step runs is in it.
    """
    model = make_cnn()
    augment = Augmentations(steps("images"))
    dataset = training_dataset(
        make_images(rows), IMAGES, batch_size=BATCH, epochs=10**6, seed=1, augment=augment
    )
    count = rows // BATCH
    piped = iter(dataset)
    memory = itertools.repeat(next(piped))
    shares, longer = [], []
    for lap in range(repeats + 1):
        waits, steps_piped = train(model, piped, count)
        _, steps_memory = train(model, memory, count)
        if lap:
            shares.append(sum(waits) / sum(steps_piped))
            longer.append(1 - statistics.median(steps_memory) / statistics.median(steps_piped))
    return {
        "input_wait_share": statistics.median(shares),
        "input_cost_share": statistics.median(longer),
    }


def train(
    model: keras.Model, batches: Iterator[Any], count: int
) -> tuple[list[float], list[float]]:
    """Seconds of waiting and of the whole step, of `count` steps."""
    waits, whole = [], []
    for _ in range(count):
        begin = time.perf_counter()
        features, label = next(batches)
        waited = time.perf_counter()
        model.train_on_batch(features, label)
        waits.append(waited - begin)
        whole.append(time.perf_counter() - begin)
    return waits, whole
