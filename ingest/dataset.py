"""Rows as a `tf.data.Dataset` of training batches."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.allocator import keep_freed_memory
from ingest.augment.pipeline import Augmentations, Bound, row_seeds
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
    augment: Augmentations | None = None,
) -> tf.data.Dataset:
    """All epochs one after another, each in an order of its own.

    Every epoch has each row exactly once. The order is a function of (seed, identity, epoch): the
    same for any order of `rows`, any process and any replay. So is what becomes of a row by
    augmentation, whatever the size of a batch and the number of threads.

    Args:
        rows: what to train on.
        schema: of the rows.
        batch_size: rows of a batch; the last of an epoch may be short.
        epochs: how many.
        seed: of the orders, and of the augmentations.
        weights: float[n] in place of those that the schema says; given as float32.
        augment: what is done to the rows of each batch; None for nothing.

    Returns:
        `epochs * steps_per_epoch(len(rows), batch_size)` batches of (dict of features [b], label
        [b]) or, if there are weights, (features, label, weight [b]).

    Raises:
        AugmentError: a step of `augment` does not fit the rows.
    """
    import tensorflow as tf

    count = len(rows)
    weighed = rows.weights(schema) if weights is None else weights.astype(np.float32)
    parts: tuple[Any, ...] = (rows.features(schema), rows.labels(schema))
    tensors = tf.nest.map_structure(tf.constant, parts if weighed is None else (*parts, weighed))
    bound = augment.bind(rows, schema) if augment is not None and augment.steps and count else None

    places = _places(rows, batch_size=batch_size, epochs=epochs, seed=seed, seeds=bound is not None)
    return (
        _gathered(places, tensors, bound)
        .apply(tf.data.experimental.assert_cardinality(epochs * steps_per_epoch(count, batch_size)))
        .prefetch(8)
    )


def _places(rows: Rows, *, batch_size: int, epochs: int, seed: int, seeds: bool) -> tf.data.Dataset:
    """The places of the rows of each batch, int64 [b], and their seeds, uint64 [b], if needed."""
    import tensorflow as tf

    # TensorFlow keeps a generator until the process ends: this one must not keep the rows.
    count, kept = len(rows), weakref.ref(rows)

    def orders() -> Iterator[tuple[NDArray[Any], ...]]:
        keep_freed_memory()
        for epoch in range(epochs):
            yield _epoch(kept(), seed, epoch, seeds)

    def cut(*order: tf.Tensor) -> tf.data.Dataset:
        firsts = tf.data.Dataset.range(0, count, batch_size)
        return firsts.map(lambda first: tuple(part[first : first + batch_size] for part in order))

    specs = tf.TensorSpec((count,), tf.int64), tf.TensorSpec((count,), tf.uint64)
    generated = tf.data.Dataset.from_generator(orders, output_signature=specs[: 1 + seeds])
    generated.rows = rows  # for as long as there is a dataset or an iterator of it
    return generated.flat_map(cut)


def _epoch(rows: Rows | None, seed: int, epoch: int, seeds: bool) -> tuple[NDArray[Any], ...]:
    """The order of an epoch and, if they are needed, the seeds of the rows in this order."""
    if rows is None:
        raise RuntimeError("training_dataset: the dataset was dropped before it was read")
    order = epoch_order(rows, seed, epoch)
    return (order, row_seeds(rows, seed, epoch)[order]) if seeds else (order,)


def _gathered(places: tf.data.Dataset, tensors: Any, bound: Bound | None) -> tf.data.Dataset:
    """The rows at the places of each batch; augmented by several threads, in the same order."""
    import tensorflow as tf

    def gather(at: tf.Tensor) -> Any:
        return tf.nest.map_structure(lambda column: tf.gather(column, at), tensors)

    if bound is None:
        return places.map(gather)

    def augmented(at: tf.Tensor, seeds: tf.Tensor) -> Any:
        features, label, *weight = gather(at)
        return (*bound.changed(features, label, seeds, at), *weight)

    return places.map(augmented, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
