"""Rows a second out of a dataset: ours with and without steps, and with Keras's layers in a map."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bench.augment.rows import IMAGES, TABLES, image_layers, make_images, make_tables, steps
from ingest import Augmentations, Rows, Schema, Step, training_dataset

__all__ = ["BATCH", "READ_AHEAD", "keras_start", "our_start", "race", "rates"]

BATCH = 256
MOST_EPOCHS = 1_000_000
READ_AHEAD = 16
"""Batches that may be ready before a lap begins."""
SETTLED_S = 1.5
"""By when a contestant whose lap is over has read ahead, and leaves the cores to the next one."""
Start = Callable[[], "Iterator[Any]"]


def rates(part: str, rows: int, repeats: int) -> dict[str, float]:
    """Rows a second of each contestant of `images` or `tables`: the median of its laps."""
    starts = image_starts(rows) if part == "images" else table_starts(rows)
    return race(starts, rows, repeats)


def image_starts(count: int) -> Mapping[str, Start]:
    """Six operations on images of 32 x 32 x 3."""
    rows = make_images(count)
    return {
        "without steps": our_start(rows, IMAGES, ()),
        "steps": our_start(rows, IMAGES, steps("images")),
        "Keras's layers": keras_start(rows, IMAGES, image_layers()),
    }


def table_starts(count: int) -> Mapping[str, Start]:
    """Noise on 20 numbers and dropout of them; and four steps, two of which Keras has not."""
    from keras import Sequential
    from keras.layers import Dropout, GaussianNoise

    rows = make_tables(count)
    return {
        "without steps": our_start(rows, TABLES, ()),
        "steps": our_start(rows, TABLES, steps("tables")),
        "four steps": our_start(rows, TABLES, steps("all")),
        "Keras's layers": keras_start(rows, TABLES, Sequential([GaussianNoise(0.1), Dropout(0.1)])),
    }


def race(starts: Mapping[str, Start], rows: int, repeats: int) -> dict[str, float]:
    """Contestants take turns; a lap is one epoch of a dataset that has begun already."""
    running = {name: start() for name, start in starts.items()}
    laps: dict[str, list[float]] = {name: [] for name in running}
    for lap in range(repeats + 1):
        for name, batches in running.items():
            time.sleep(SETTLED_S)
            _lap(batches, READ_AHEAD)
            begin = time.perf_counter()
            _lap(batches, -(-rows // BATCH))
            if lap:  # the first one traces, and fills what is read ahead
                laps[name].append(rows / (time.perf_counter() - begin))
    return {name: statistics.median(found) for name, found in laps.items()}


def _lap(batches: Iterator[Any], steps: int) -> None:
    for _ in range(steps):
        next(batches)


def our_start(rows: Rows, schema: Schema, chosen: Sequence[Step]) -> Start:
    """A training dataset with some steps."""
    augment = Augmentations(chosen)

    def start() -> Iterator[Any]:
        return iter(
            training_dataset(
                rows, schema, batch_size=BATCH, epochs=MOST_EPOCHS, seed=1, augment=augment
            )
        )

    return start


def keras_start(rows: Rows, schema: Schema, layers: Callable[..., Any]) -> Start:
    """What people write: slices, shuffled, in batches, mapped by as many threads as help.

    Args:
        rows: of the dataset.
        schema: the layers change its first feature.
        layers: called on it, as in training.
    """
    name = schema.features[0].name

    def start() -> Iterator[Any]:
        import tensorflow as tf

        parts = rows.features(schema), rows.labels(schema)
        dataset = tf.data.Dataset.from_tensor_slices(parts).shuffle(len(rows)).batch(BATCH)
        dataset = dataset.map(
            lambda x, y: ({**x, name: layers(x[name], training=True)}, y),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        return iter(dataset.prefetch(8).repeat())

    return start
