"""A weight in parts: each a variable of its own, on a device of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.errors import ModelError
from trainer.sharded.devices import HOST, device_of, devices

__all__ = ["Parts", "add_parts", "bounds_of", "check_parts"]

log = logging.getLogger("millstream")


@dataclass(frozen=True)
class Parts:
    """How a weight is cut.

    Attributes:
        name: Of the weight; part 2 of `kernel` is `kernel_part2`.
        shape: Of the whole.
        axis: Along which it is cut.
        count: Of the parts.
    """

    name: str
    shape: tuple[int, ...]
    axis: int
    count: int


def bounds_of(size: int, count: int) -> list[tuple[int, int]]:
    """Return (start, stop) of each part; the first ones are larger by one if it does not divide."""
    small, more = divmod(size, count)
    stops = [small * (part + 1) + min(part + 1, more) for part in range(count)]
    return list(zip([0, *stops[:-1]], stops, strict=True))


def check_parts(layer: keras.layers.Layer, size: int, count: int) -> None:
    """Check that a layer can be cut and placed as it is asked to be.

    Raises:
        ModelError: There are fewer rows or columns than parts, or a `tf.distribute` strategy places
            the variables.
    """
    place = f'{type(layer).__name__} "{layer.name}"'
    if not 1 <= count <= size:
        raise ModelError(
            place,
            expected=f"1 to {size} shards, as it has {size} rows or columns to share out",
            got=f"shards={count}",
            mend="ask for fewer",
        )
    if tf.distribute.has_strategy():
        raise ModelError(
            place,
            expected="no tf.distribute strategy: its parts are placed by themselves",
            got=type(tf.distribute.get_strategy()).__name__,
            mend='set train.strategy = "single", or leave the layer whole',
        )
    if count > len(devices()):
        log.warning("%s: %d shards share %d device(s)", place, count, len(devices()))


def add_parts(layer: keras.layers.Layer, parts: Parts, initializer: Any) -> list[keras.Variable]:
    """Give a layer the parts of a weight, each on its device.

    The whole is drawn once, in the host's memory, as the same initializer draws it for a layer that
    is not cut; then the parts go to their devices. Optimizers make their slots beside them.
    """
    with tf.init_scope(), tf.device(HOST):
        drawn = initializer(parts.shape, dtype=layer.variable_dtype)
        whole = keras.ops.convert_to_numpy(drawn)
    made = []
    for part, (start, stop) in enumerate(bounds_of(parts.shape[parts.axis], parts.count)):
        piece = whole.take(range(start, stop), axis=parts.axis)
        with tf.device(device_of(part)):
            weight = layer.add_weight(
                name=f"{parts.name}_part{part}",
                shape=piece.shape,
                initializer=_given(piece),
                autocast=False,
            )
        made.append(weight)
    return made


def _given(piece: np.ndarray) -> Callable[..., Any]:
    return lambda _shape, dtype=None: tf.constant(piece, dtype)
