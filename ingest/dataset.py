"""Rows as a `tf.data.Dataset` of training batches."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.allocator import keep_freed_memory
from ingest.augment.pipeline import Augmentations, Bound, row_seeds
from ingest.generated import from_generator
from ingest.identity import hash64
from ingest.rows import Rows
from ingest.schema import Schema
from ingest.untuned import untuned

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

__all__ = ["epoch_order", "steps_per_epoch", "training_dataset"]

BLOCK_BYTES = 1 << 20
"""Of rows that are gathered at once, if a batch has no more."""


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

    batches = epochs * steps_per_epoch(count, batch_size)
    if bound is None:
        block = _block(tensors, count, batch_size)
        made = _gathered(_orders(rows, epochs, seed, block=block), batch_size, tensors)
    else:
        orders = _orders(rows, epochs, seed, seeds=True)
        made = _augmented(orders, count, batch_size, tensors, bound)
    return untuned(made.apply(tf.data.experimental.assert_cardinality(batches)).prefetch(8))


def _orders(
    rows: Rows, epochs: int, seed: int, *, seeds: bool = False, block: int | None = None
) -> tf.data.Dataset:
    """Of each epoch the order, int64 [n], and the seeds of the rows, uint64 [n], if needed.

    In blocks of so many rows, if that is said; the last of an epoch may be short.
    """
    import tensorflow as tf

    # TensorFlow may keep a generator until the process ends: this one must not keep the rows.
    count, kept = len(rows), weakref.ref(rows)
    size = block or max(1, count)

    def orders() -> Iterator[tuple[NDArray[Any], ...]]:
        keep_freed_memory()
        for epoch in range(epochs):
            parts = _epoch(kept(), seed, epoch, seeds)
            for first in range(0, count, size):
                yield tuple(part[first : first + size] for part in parts)

    long = (count if block is None else None,)
    specs = tf.TensorSpec(long, tf.int64), tf.TensorSpec(long, tf.uint64)
    generated = from_generator(orders, specs[: 1 + seeds])
    generated.rows = rows  # for as long as there is a dataset or an iterator of it
    return generated.prefetch(1)


def _epoch(rows: Rows | None, seed: int, epoch: int, seeds: bool) -> tuple[NDArray[Any], ...]:
    """The order of an epoch and, if they are needed, the seeds of the rows in this order."""
    if rows is None:
        raise RuntimeError("training_dataset: the dataset was dropped before it was read")
    order = epoch_order(rows, seed, epoch)
    return (order, row_seeds(rows, seed, epoch)[order]) if seeds else (order,)


def _block(tensors: Any, count: int, batch_size: int) -> int:
    """How many rows are gathered at once: those of whole batches."""
    import tensorflow as tf

    columns = tf.nest.flatten(tensors)
    size = sum(column.dtype.size * column.shape.num_elements() for column in columns)
    return batch_size * max(1, int(BLOCK_BYTES * count // max(1, size * batch_size)))


def _gathered(blocks: tf.data.Dataset, batch_size: int, tensors: Any) -> tf.data.Dataset:
    """The batches of blocks of places.

    The rows of a block are gathered at once and lie side by side then, so that a batch is a copy of
    its bytes: a call of a function for each batch would cost as much as a small model's step.
    """
    import tensorflow as tf

    def batches(places: tf.Tensor) -> tf.data.Dataset:
        gathered = tf.nest.map_structure(lambda column: tf.gather(column, places), tensors)
        full, short = tf.size(places) // batch_size, tf.size(places) % batch_size
        whole = _cut(gathered, 0, full, batch_size)
        last = _cut(gathered, full * batch_size, tf.cast(short > 0, tf.int32), short)
        return whole.concatenate(last)

    return blocks.flat_map(batches)


def _cut(columns: Any, first: Any, count: Any, size: Any) -> tf.data.Dataset:
    """So many batches of one size, from a place on."""
    import tensorflow as tf

    def cut(column: tf.Tensor) -> tf.Tensor:
        part = column[first : first + count * size]
        return tf.reshape(part, [count, size, *column.shape[1:]])

    return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(cut, columns))


def _augmented(
    orders: tf.data.Dataset, count: int, batch_size: int, tensors: Any, bound: Bound
) -> tf.data.Dataset:
    """The batches of each epoch, augmented by several threads, in the same order."""
    import tensorflow as tf

    def cut(*order: tf.Tensor) -> tf.data.Dataset:
        firsts = tf.data.Dataset.range(0, count, batch_size)
        return firsts.map(lambda first: tuple(part[first : first + batch_size] for part in order))

    def augmented(at: tf.Tensor, seeds: tf.Tensor) -> Any:
        columns = tf.nest.map_structure(lambda column: tf.gather(column, at), tensors)
        features, label, *weight = columns
        return (*bound.changed(features, label, seeds, at), *weight)

    places = orders.flat_map(cut)
    return places.map(augmented, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
