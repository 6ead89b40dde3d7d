"""Sums over all replicas, of gradients of any kind, in few collectives."""

from typing import Any

import tensorflow as tf

__all__ = ["sum_over_replicas"]


def sum_over_replicas(context: Any, values: list[Any]) -> list[Any]:
    """Return the sum of each value over all replicas, in a replica's context.

    Gradients of embeddings are slices (tf.IndexedSlices), which stay apart as they are on one
    replica: optimizers look at each of them (Keras's Adam squares each). Their number differs from
    batch to batch, and collectives must not change their shape within one call (TensorFlow 2.21).

    Args:
        context: Of the replica.
        values: Tensors, slices, or None, alike on all replicas.
    """
    sparse = [value for value in values if isinstance(value, tf.IndexedSlices)]
    dense = [value for value in values if isinstance(value, tf.Tensor)]
    tensors = [part for pair in _placed(context, sparse) for part in pair] + dense
    if not tensors:
        return values
    reduced = _reduced(context, tensors)
    slices = iter(
        tf.IndexedSlices(found, indices, value.dense_shape)
        for found, indices, value in zip(
            reduced[: 2 * len(sparse) : 2], reduced[1 : 2 * len(sparse) : 2], sparse, strict=True
        )
    )
    rest = iter(reduced[2 * len(sparse) :])
    return [
        None if value is None else next(rest if isinstance(value, tf.Tensor) else slices)
        for value in values
    ]


def _reduced(context: Any, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    """Sum tensors over all replicas: those of a type in one collective."""
    found: dict[int, tf.Tensor] = {}
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        places = [at for at, tensor in enumerate(tensors) if tensor.dtype == dtype]
        # A collective does not take the argument of a function as it is.
        own = [tf.identity(tensors[at]) for at in places]
        sums = context.all_reduce(tf.distribute.ReduceOp.SUM, own)
        found |= dict(zip(places, sums, strict=True))
    return [found[at] for at in range(len(tensors))]


def _placed(context: Any, sparse: list[tf.IndexedSlices]) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Values and indices of slices with zeros where those of the other replicas belong."""
    if not sparse:
        return []
    replica, replicas = context.replica_id_in_sync_group, context.num_replicas_in_sync
    counts = tf.stack([tf.shape(one.indices, tf.int64)[0] for one in sparse])
    own = tf.one_hot(replica, replicas, dtype=tf.int64)[:, tf.newaxis] * counts
    (every,) = _reduced(context, [own])
    before = tf.reduce_sum(every[:replica], 0)
    after = tf.reduce_sum(every[replica + 1 :], 0)
    placed = []
    for index, one in enumerate(sparse):
        around = tf.stack([before[index], after[index]])[tf.newaxis]
        rest = tf.zeros([one.values.shape.rank - 1, 2], tf.int64)
        values = tf.pad(one.values, tf.concat([around, rest], 0))
        placed.append((values, tf.pad(one.indices, around)))
    return placed
