"""Sums over all replicas, of gradients of any kind, in few collectives."""

from typing import Any

import tensorflow as tf

__all__ = ["sum_over_replicas"]

PIECES = (1 << 20, 1 << 17, 1 << 14, 1 << 11)
"""Numbers in a collective that sums slices: so many, as often as they fill it, then fewer."""


def sum_over_replicas(context: Any, values: list[Any]) -> list[Any]:
    """Return the sum of each value over all replicas, in a replica's context.

    Gradients of embeddings are slices (tf.IndexedSlices), which stay apart as they are on one
    replica: optimizers look at each of them (Keras's Adam squares each). Their number differs from
    batch to batch, and a collective must not change its shape (see `lasting_keys`). So workers sum
    them in pieces of a few sizes.

    Args:
        context: Of the replica.
        values: Tensors, slices, or None, alike on all replicas.
    """
    sparse = [value for value in values if isinstance(value, tf.IndexedSlices)]
    dense = [value for value in values if isinstance(value, tf.Tensor)]
    if not sparse and not dense:
        return values
    placed = _placed(context, sparse)
    by_worker = isinstance(context.strategy, tf.distribute.MultiWorkerMirroredStrategy)
    reduced = (_in_pieces if by_worker else _reduced)(context, placed)
    slices = iter(
        tf.IndexedSlices(found, indices, value.dense_shape)
        for found, indices, value in zip(reduced[::2], reduced[1::2], sparse, strict=True)
    )
    rest = iter(_reduced(context, dense))
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


def _in_pieces(context: Any, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    """Sum tensors of any shapes over all workers: those of a type in collectives of few shapes."""
    found: dict[int, tf.Tensor] = {}
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        places = [at for at, tensor in enumerate(tensors) if tensor.dtype == dtype]
        own = [tensors[at] for at in places]
        left, done = tf.concat([tf.reshape(one, [-1]) for one in own], 0), []
        for size in PIECES:
            if size == PIECES[-1]:
                left = tf.pad(left, [[0, -tf.size(left) % size]])
            count = tf.size(left) // size
            done.append(_pieces(context, tf.reshape(left[: count * size], [count, size])))
            left = left[count * size :]
        sums = tf.split(tf.concat(done, 0), [*map(tf.size, own), -1])[:-1]
        shaped = [tf.reshape(one, tf.shape(like)) for one, like in zip(sums, own, strict=True)]
        found |= dict(zip(places, shaped, strict=True))
    return [found[at] for at in range(len(tensors))]


def _pieces(context: Any, pieces: tf.Tensor) -> tf.Tensor:
    """Sum [count, size] over all workers, one by one; returns [count * size]."""
    count, size = tf.shape(pieces)[0], pieces.shape[1]
    array = tf.TensorArray(pieces.dtype, count, element_shape=[size])
    # `context.all_reduce` waits for the other replicas of this process, which no loop can.
    summed = context.strategy.extended._replica_ctx_all_reduce

    def body(at: tf.Tensor, array: tf.TensorArray) -> Any:
        own = tf.ensure_shape(pieces[at], [size])
        return at + 1, array.write(at, summed(tf.distribute.ReduceOp.SUM, own))

    _, array = tf.while_loop(
        lambda at, _: at < count, body, (tf.constant(0), array), parallel_iterations=1
    )
    return tf.reshape(array.stack(), [-1])


def _placed(context: Any, sparse: list[tf.IndexedSlices]) -> list[tf.Tensor]:
    """Values and indices of slices by turns, zeros where those of the other replicas belong."""
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
        placed += [values, tf.pad(one.indices, around)]
    return placed
