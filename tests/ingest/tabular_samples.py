"""Contexts and batches of tabular rows for tests of augmentations."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ingest import Field, Rows, Schema
from ingest.augment.augmentation import Augmentation, Context, TrainingBatch
from ingest.statistics import Statistics

SCHEMA = Schema(
    (
        Field("amount", "float32"),
        Field("price", "float64", minimum=0),
        Field("count", "int32", default=7),
        Field("when", "timestamp"),
        Field("member", "bool"),
        Field("city", "category", vocabulary=("Oslo", "Bergen", "Hamar"), default="Hamar"),
        Field("tags", "category", buckets=4, length=3),
        Field("curve", "float32", length=2),
        Field("late", "category", "label", vocabulary=("no", "yes")),
    )
)


def tabular_features(rows: int = 400, seed: int = 0) -> dict[str, Any]:
    """Columns of the schema's features."""
    rng = np.random.default_rng(seed)
    return {
        "amount": rng.normal(5, 2, rows).astype(np.float32),
        "price": rng.exponential(3.0, rows),
        "count": rng.integers(0, 9, rows, np.int32),
        "when": rng.integers(10**12, 2 * 10**12, rows),
        "member": rng.random(rows) < 0.7,
        "city": rng.choice(4, rows, p=[0.1, 0.6, 0.0, 0.3]).astype(np.int32),
        "tags": rng.integers(1, 5, (rows, 3), np.int32),
        "curve": (rng.normal(size=(rows, 2)) * [1, 100]).astype(np.float32),
    }


def tabular_context(rows: int = 400, statistics: Statistics | None = None) -> Context:
    """A round of rows, one in eight of which is late."""
    label = (np.arange(rows) % 8 == 0).astype(np.int32)
    return Context(SCHEMA, tabular_features(rows), label, statistics)


def statistics_of(features: dict[str, Any]) -> Statistics:
    """The statistics of a stream that had these rows."""
    rows = len(features["amount"])
    at = np.arange(rows)
    zeros = np.zeros(rows, np.int32)
    columns = {**features, "late": zeros}
    return Statistics.empty(SCHEMA).updated(Rows(("a",), zeros, zeros, at, at, columns))


def augmented(augmentation: Augmentation, context: Context, seed: int = 1) -> dict[str, Any]:
    """The features of all rows of a context, augmented in a graph."""
    count = len(context.label)
    batch = TrainingBatch(
        {name: tf.constant(column) for name, column in context.features.items()},
        tf.constant(context.label),
        tf.constant(np.random.default_rng(seed).integers(0, 2**64, count, np.uint64)),
        tf.range(count, dtype=tf.int64),
    )
    transform = augmentation.bind(context)
    found = tf.function(lambda: transform(batch).features)()
    return {name: value.numpy() for name, value in found.items()}
