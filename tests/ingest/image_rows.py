"""Images made without chance, and what an augmentation makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingest.augment.augmentation import Augmentation, Context, TrainingBatch
from ingest.field import Field
from ingest.schema import Schema

SCHEMA = Schema(
    (
        Field("image", "float32", length=4),
        Field("class", "category", "label", vocabulary=tuple("0123456789")),
    )
)


def images(count: int = 40, shape: Sequence[int] = (9, 11, 3), dtype: str = "float32") -> Any:
    """Images without a symmetry, from 0 to 1, or 255 for bytes."""
    drawn = np.random.default_rng(3).random((count, *shape))
    return (drawn * 255).round().astype(np.uint8) if dtype == "uint8" else drawn.astype(dtype)


def context(pixels: Any, **more: Any) -> Context:
    """A round with these images and ten classes."""
    label = (np.arange(len(pixels)) % 10).astype(np.int32)
    return Context(SCHEMA, {"image": pixels, **more}, label)


def seeds(count: int, seed: int = 1) -> Any:
    """uint64[count]."""
    return np.random.default_rng(seed).integers(0, 2**64, count, np.uint64)


def augmented(augmentation: Augmentation, pixels: Any, known: Context | None = None) -> Any:
    """What becomes of images, as an array."""
    return outcome(augmentation, known or context(pixels), len(pixels)).features["image"].numpy()


def outcome(augmentation: Augmentation, known: Context, count: int) -> TrainingBatch:
    """What becomes of the first rows of a round."""
    import tensorflow as tf

    features = {name: tf.constant(column[:count]) for name, column in known.features.items()}
    places = tf.range(count, dtype=tf.int64)
    batch = TrainingBatch(features, tf.constant(known.label[:count]), seeds(count), places)
    return augmentation.bind(known)(batch)
