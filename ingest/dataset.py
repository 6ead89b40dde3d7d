"""Rows as a `tf.data.Dataset` of training batches."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.allocator import keep_freed_memory
from ingest.augment.pipeline import Augmentations, Bound, row_seeds
from ingest.from_function import from_function, still_there
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
        rows: what to train on; they must stay as they are while it is read.
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
    columns: tuple[Any, ...] = (rows.features(schema), rows.labels(schema))
    columns = columns if weighed is None else (*columns, weighed)
    bound = augment.bind(rows, schema) if augment is not None and augment.steps and count else None

    batches = epochs * steps_per_epoch(count, batch_size)
    if bound is None:
        made = _batches(_Source(rows, columns), batch_size, epochs, seed)
    else:
        made = _augmented(_orders(rows, epochs, seed), count, batch_size, columns, bound)
    return untuned(made.apply(tf.data.experimental.assert_cardinality(batches)).prefetch(8))


@dataclass(frozen=True, eq=False)
class _Source:
    """What batches are made of.

    Attributes:
        rows: all of them.
        columns: of them what a batch has.
        orders: of the epoch that was read last.
    """

    rows: Rows
    columns: Any
    orders: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    def order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """`epoch_order`, made once if one reads."""
        order = self.orders.get(epoch)
        if order is None:
            keep_freed_memory()
            order = epoch_order(self.rows, seed, epoch)
            self.orders.clear()
            self.orders[epoch] = order
        return order


def _batches(source: _Source, batch_size: int, epochs: int, seed: int) -> tf.data.Dataset:
    """The batches of all epochs.

    The rows of some batches are gathered at once by NumPy and lie side by side then, so that a
    batch is a copy of its bytes: a call of a function for each batch would cost as much as a small
    model's step, and to trace more functions than one for each dataset as much as a hundred steps.
    """
    import tensorflow as tf

    # TensorFlow may keep a function until the process ends: this one must not keep the rows.
    count, kept = len(source.rows), weakref.ref(source)
    whole, block = count - count % batch_size, _block(source, batch_size)
    firsts = [*range(0, whole, block), *range(whole, count, batch_size)]

    def make(number: int) -> Any:
        epoch, place = divmod(number, len(firsts))
        there = still_there(kept, "training_dataset")
        order, first = there.order(seed, epoch), firsts[place]
        places = order[first : min(first + block, whole)] if first < whole else order[whole:]
        return _take(there, places, min(batch_size, len(places)))

    def spec(column: NDArray[Any]) -> tf.TensorSpec:
        return tf.TensorSpec((None, None, *column.shape[1:]), column.dtype)

    signature = tf.nest.map_structure(spec, source.columns)
    made = from_function(make, epochs * len(firsts), signature)
    made.source = source  # for as long as there is a dataset or an iterator of it
    return made.prefetch(1).unbatch()


def _block(source: _Source, batch_size: int) -> int:
    """How many rows are gathered at once: those of whole batches."""
    import tensorflow as tf

    size = sum(int(column.nbytes) for column in tf.nest.flatten(source.columns))
    return batch_size * max(1, BLOCK_BYTES * len(source.rows) // max(1, size * batch_size))


def _take(source: _Source, places: NDArray[np.int64], batch_size: int) -> Any:
    """Rows as whole batches: each column [batches, b, ...]."""
    import tensorflow as tf

    def take(column: NDArray[Any]) -> NDArray[Any]:
        return column[places].reshape(-1, batch_size, *column.shape[1:])

    return tf.nest.map_structure(take, source.columns)


def _orders(rows: Rows, epochs: int, seed: int) -> tf.data.Dataset:
    """Of each epoch the order, int64 [n], and the seeds of the rows in this order, uint64 [n]."""
    import tensorflow as tf

    # TensorFlow may keep a function until the process ends: this one must not keep the rows.
    count, kept = len(rows), weakref.ref(rows)

    def make(epoch: int) -> tuple[NDArray[Any], ...]:
        keep_freed_memory()
        there = still_there(kept, "training_dataset")
        order = epoch_order(there, seed, epoch)
        return order, row_seeds(there, seed, epoch)[order]

    signature = tf.TensorSpec((count,), tf.int64), tf.TensorSpec((count,), tf.uint64)
    made = from_function(make, epochs, signature)
    made.rows = rows
    return made.prefetch(1)


def _augmented(
    orders: tf.data.Dataset, count: int, batch_size: int, columns: Any, bound: Bound
) -> tf.data.Dataset:
    """The batches of each epoch, augmented by several threads, in the same order."""
    import tensorflow as tf

    tensors = tf.nest.map_structure(tf.constant, columns)

    def cut(*order: tf.Tensor) -> tf.data.Dataset:
        firsts = tf.data.Dataset.range(0, count, batch_size)
        return firsts.map(lambda first: tuple(part[first : first + batch_size] for part in order))

    def augmented(at: tf.Tensor, seeds: tf.Tensor) -> Any:
        features, label, *weight = tf.nest.map_structure(lambda one: tf.gather(one, at), tensors)
        return (*bound.changed(features, label, seeds, at), *weight)

    places = orders.flat_map(cut)
    return places.map(augmented, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
