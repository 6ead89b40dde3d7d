"""Rounds of time series, and what becomes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ingest import Field, Schema
from ingest.augment.augmentation import Augmentation, Context, TrainingBatch


def series_context(values: Any, minimum: float | None = None) -> Context:
    """A round with the feature `series`, [n, ...], and nothing else."""
    array = np.asarray(values)
    field = Field("series", str(array.dtype), length=array[0].size, minimum=minimum)
    schema = Schema((field, Field("label", "int32", "label")))
    return Context(schema, {"series": array}, np.zeros(len(array), np.int32))


def waves(rows: int, *shape: int, dtype: type = np.float32) -> Any:
    """Series [rows, *shape] that wander."""
    steps = np.random.default_rng(0).normal(size=(rows, *shape))
    return np.cumsum(steps, axis=1).astype(dtype)


def augmented_series(augmentation: Augmentation, context: Context, seed: int = 1) -> Any:
    """The series of all rows, augmented in a graph."""
    count = len(context.label)
    batch = TrainingBatch(
        {"series": tf.constant(context.features["series"])},
        tf.constant(context.label),
        tf.constant(np.random.default_rng(seed).integers(0, 2**64, count, np.uint64)),
        tf.range(count, dtype=tf.int64),
    )
    transform = augmentation.bind(context)
    return tf.function(lambda: transform(batch).features["series"])().numpy()
