"""Rows as a `tf.data.Dataset` of training batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.allocator import keep_freed_memory
from ingest.identity import hash64
from ingest.rows import Rows
from ingest.schema import Schema

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

__all__ = ["epoch_order", "steps_per_epoch", "training_dataset"]


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Batches that hold all rows once; the last may be short."""
    return -(-rows // batch_size)


def epoch_order(rows: Rows, seed: int, epoch: int) -> NDArray[np.int64]:
    """int64 [n]: places of the rows in the order of an epoch, a function of identities alone."""
    identity = (rows.topics, rows.topic, rows.partition, rows.offset)
    bits = hash64(seed, "shuffle", *identity, epoch=epoch)
    return np.lexsort((rows.offset, rows.partition, rows.topic, bits))


def training_dataset(
    rows: Rows,
    schema: Schema,
    *,
    batch_size: int,
    epochs: int,
    seed: int,
    weights: NDArray[np.floating] | None = None,
) -> tf.data.Dataset:
    """All epochs one after another, each in an order of its own.

    Every epoch has each row exactly once. The order is a function of (seed, identity, epoch): the
    same for any order of `rows`, any process and any replay.

    Args:
        rows: what to train on.
        schema: of the rows.
        batch_size: rows of a batch; the last of an epoch may be short.
        epochs: how many.
        seed: of the orders.
        weights: float[n] in place of those that the schema says; given as float32.

    Returns:
        `epochs * steps_per_epoch(len(rows), batch_size)` batches of (dict of features [b], label
        [b]) or, if there are weights, (features, label, weight [b]).
    """
    import tensorflow as tf

    count = len(rows)
    steps = steps_per_epoch(count, batch_size)
    weighed = rows.weights(schema) if weights is None else weights.astype(np.float32)
    parts: tuple[Any, ...] = (rows.features(schema), rows.labels(schema))
    tensors = tf.nest.map_structure(tf.constant, parts if weighed is None else (*parts, weighed))

    def orders() -> Iterator[NDArray[np.int64]]:
        keep_freed_memory()
        for epoch in range(epochs):
            yield epoch_order(rows, seed, epoch)

    spec = tf.TensorSpec((count,), tf.int64)
    places = tf.data.Dataset.from_generator(orders, output_signature=spec)
    batches = places.flat_map(
        lambda order: tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
    )
    return (
        batches.map(lambda at: tf.nest.map_structure(lambda t: tf.gather(t, at), tensors))
        .apply(tf.data.experimental.assert_cardinality(epochs * steps))
        .prefetch(8)
    )
