"""Training batches that are the same for any number of workers: each gives its own rows of each."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.allocator import keep_freed_memory
from ingest.augment.pipeline import Augmentations, Bound, row_seeds
from ingest.dataset import epoch_order, steps_per_epoch
from ingest.distributed.roster import Roster
from ingest.from_function import from_function, still_there
from ingest.rows import Rows
from ingest.schema import Schema
from ingest.untuned import untuned

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

__all__ = ["shared_dataset"]


def shared_dataset(
    rows: Rows,
    roster: Roster,
    schema: Schema,
    *,
    batch_size: int,
    epochs: int,
    seed: int,
    augment: Augmentations | None = None,
) -> tf.data.Dataset:
    """All epochs one after another, of the worker's own rows of each batch.

    A batch is what `training_dataset` would make of the rows of all workers. How many rows of it
    are a worker's own differs, and may be none.

    Args:
        rows: of this worker.
        roster: of all workers, with what each row weighs.
        schema: of the rows.
        batch_size: rows of a batch, with those of all workers; the last of an epoch may be short.
        epochs: how many.
        seed: of the orders, and of the augmentations.
        augment: what is done to the rows, with the statistics of the stream; none that needs
            partners, as these would be the worker's own.

    Returns:
        `epochs * steps_per_epoch(len(roster), batch_size)` elements of (dict of features [b],
        label [b], weight float32[b], place), the last with `rows` (int32: of the whole batch), `at`
        (int32[b]: places of the own rows in it) and `share` (int32[b]: see `Roster`).

    Raises:
        AugmentError: a step of `augment` does not fit the rows.
    """
    import tensorflow as tf

    steps = steps_per_epoch(len(roster), batch_size)
    weight = roster.of_own(roster.weight.astype(np.float32))
    parts = (rows.features(schema), rows.labels(schema), weight)
    tensors = tf.nest.map_structure(tf.constant, parts)
    has_steps = augment is not None and bool(augment.steps) and len(rows) > 0
    bound = augment.bind(rows, schema) if augment is not None and has_steps else None
    return untuned(
        _pieces(rows, roster, batch_size, epochs, seed, seeds=bound is not None)
        .map(
            lambda piece: _gathered(piece, tensors, bound),
            num_parallel_calls=1 if bound is None else tf.data.AUTOTUNE,
            deterministic=True,
        )
        .apply(tf.data.experimental.assert_cardinality(epochs * steps))
        .prefetch(8)
    )


def _pieces(
    rows: Rows, roster: Roster, batch_size: int, epochs: int, seed: int, *, seeds: bool
) -> tf.data.Dataset:
    """Of each batch, the places of the own rows among them, where they are in it, their seeds."""
    import tensorflow as tf

    # TensorFlow may keep a function until the process ends: this one must not keep the rows.
    kept_rows, kept_roster = weakref.ref(rows), weakref.ref(roster)

    def make(epoch: int) -> dict[str, NDArray[Any]]:
        keep_freed_memory()
        pieces = _epoch(still_there(kept_roster, "shared_dataset"), batch_size, seed, epoch)
        if seeds:
            own = still_there(kept_rows, "shared_dataset")
            pieces["seeds"] = row_seeds(own, seed, epoch)[pieces["own"]]
        return pieces

    vectors = {"own": tf.int64, "at": tf.int32, "share": tf.int32}
    vectors |= {"seeds": tf.uint64} if seeds else {}
    spec = {name: tf.TensorSpec((None,), dtype) for name, dtype in vectors.items()}
    bounds = {"ends": tf.TensorSpec((None,), tf.int64), "rows": tf.TensorSpec((None,), tf.int32)}
    steps = steps_per_epoch(len(roster), batch_size)

    def cut(whole: dict[str, tf.Tensor]) -> tf.data.Dataset:
        def piece(step: tf.Tensor) -> dict[str, tf.Tensor]:
            begin, end = whole["ends"][step], whole["ends"][step + 1]
            own = {name: whole[name][begin:end] for name in vectors}
            return own | {"rows": whole["rows"][step]}

        return tf.data.Dataset.range(steps).map(piece)

    made = from_function(make, epochs, spec | bounds)
    made.kept = rows, roster  # for as long as there is a dataset or an iterator of it
    return made.prefetch(1).flat_map(cut)


def _epoch(roster: Roster, batch_size: int, seed: int, epoch: int) -> dict[str, NDArray[Any]]:
    """The own rows in the order of an epoch, and of each batch where they end and its size."""
    order = epoch_order(roster.rows, seed, epoch)
    at = np.flatnonzero(roster.place[order] >= 0)
    begins = np.arange(0, len(roster) + batch_size, batch_size)
    begins = np.minimum(begins[: steps_per_epoch(len(roster), batch_size) + 1], len(roster))
    return {
        "own": roster.place[order[at]].astype(np.int64),
        "at": (at % batch_size).astype(np.int32),
        "share": roster.share[order[at]],
        "ends": np.searchsorted(at, begins).astype(np.int64),
        "rows": np.diff(begins).astype(np.int32),
    }


def _gathered(piece: dict[str, tf.Tensor], tensors: Any, bound: Bound | None) -> Any:
    """The own rows of a batch, augmented, and their places in it."""
    import tensorflow as tf

    own = piece["own"]
    features, label, weight = tf.nest.map_structure(lambda column: tf.gather(column, own), tensors)
    if bound is not None:
        features, label = bound.changed(features, label, piece["seeds"], own)
    return features, label, weight, {name: piece[name] for name in ("rows", "at", "share")}
