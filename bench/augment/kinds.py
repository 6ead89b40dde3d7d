"""What each operation on images costs a core, beside Keras's layer for it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Any

from bench.augment.rates import BATCH, READ_AHEAD, keras_start, our_start
from bench.augment.rows import IMAGES, SIDES, image_layers, make_images, steps

__all__ = ["ALL", "kinds"]

ALL = "all of them"
BATCHES = 24
"""Of a lap."""


def kinds(rows: int, repeats: int) -> Mapping[str, tuple[float, float]]:
    """Microseconds of processor time a row, by operation: ours and Keras's.

    What it costs to bring batches without steps is in both.
    """
    images, layers = make_images(rows), image_layers()
    operations = layers.layers[1:-1]
    found = {ALL: (our_start(images, IMAGES, steps("images")), keras_start(images, IMAGES, layers))}
    for step, layer in zip(steps("images"), operations, strict=True):
        start = keras_start(images, IMAGES, _alone(layer))
        found[type(step.augmentation).__name__] = our_start(images, IMAGES, (step,)), start
    return {
        name: (_cost(ours(), repeats), _cost(theirs(), repeats))
        for name, (ours, theirs) in found.items()
    }


def _alone(layer: Any) -> Any:
    from keras import Sequential, layers

    return Sequential([layers.Reshape(SIDES), layer, layers.Flatten()])


def _cost(batches: Iterator[Any], repeats: int) -> float:
    for _ in range(READ_AHEAD):
        next(batches)
    laps = []
    for _ in range(repeats):
        begin = time.process_time()
        for _ in range(BATCHES):
            next(batches)
        laps.append((time.process_time() - begin) / BATCHES / BATCH * 1e6)
    return statistics.median(laps)
