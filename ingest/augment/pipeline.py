"""Augmentations one after the other, each for its share of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.augment.augmentation import Augmentation, Context, TrainingBatch, Transform
from ingest.augment.parameters import expect_number
from ingest.augment.random import below, fold
from ingest.errors import AugmentError
from ingest.identity import hash64
from ingest.rows import Rows
from ingest.schema import Schema

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

    from ingest.statistics import Statistics

__all__ = ["Augmentations", "Bound", "Step", "augmented", "bind_steps", "row_seeds"]


@dataclass(frozen=True)
class Step:
    """One augmentation, and how likely it is to change a row.

    Attributes:
        augmentation: what is done.
        probability: of each row to be changed by it; the others stay as they are.

    Raises:
        SettingsError: the probability is none.
    """

    augmentation: Augmentation
    probability: float = 1.0

    def __post_init__(self) -> None:
        expect_number("augment.probability", self.probability, 0, 1)


@dataclass(frozen=True, eq=False)
class Augmentations:
    """What is done to training rows.

    Attributes:
        steps: in their order; each gets what the one before it has made.
        statistics: of the features over the stream, or None for those of the rows themselves.
    """

    steps: Sequence[Step] = ()
    statistics: Statistics | None = None

    def bind(self, rows: Rows, schema: Schema) -> Bound:
        """Make the steps ready for all training rows of a round, in any order.

        Raises:
            AugmentError: a step does not fit the rows, or the statistics are of another schema.
        """
        import tensorflow as tf

        known = self.statistics
        if known is not None and known.schema.fingerprint() != schema.fingerprint():
            raise AugmentError(
                "augment: expected statistics of the schema of the rows, got those of another;"
                " begin with Statistics.empty(schema)"
            )
        order = np.lexsort((rows.offset, rows.partition, rows.topic))
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        by_identity = rows if (order == ranks).all() else rows.take(order)
        features, label = by_identity.features(schema), by_identity.labels(schema)
        context = Context(schema, features, label, self.statistics)
        return Bound(bind_steps(self.steps, context), tf.constant(ranks))


@dataclass(frozen=True, eq=False)
class Bound:
    """Steps that are ready for the rows of a round.

    Attributes:
        transform: all steps.
        ranks: int64 [n], the place of each row among those of the context. That is in the order of
            the identities, so that partners do not depend on the order of the rows.
    """

    transform: Transform
    ranks: tf.Tensor

    def changed(
        self, features: dict[str, tf.Tensor], label: tf.Tensor, seeds: tf.Tensor, at: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """The features and the label of a batch, augmented.

        Args:
            features: [b, ...] by name.
            label: [b].
            seeds: uint64 [b], from `row_seeds`.
            at: int64 [b], places of the rows among those that the steps were bound to.
        """
        import tensorflow as tf

        places = tf.gather(self.ranks, at)
        found = self.transform(TrainingBatch(features, label, seeds, places))
        return {name: found.features[name] for name in features}, found.label


def augmented(
    rows: Rows, schema: Schema, augment: Augmentations, *, count: int, seed: int, epoch: int
) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """What becomes of the first of some rows in an epoch, to be looked at.

    A training dataset may round numbers in another way.

    Args:
        rows: all rows of the round.
        schema: of the rows.
        augment: the steps.
        count: how many rows.
        seed: of the training dataset.
        epoch: of it.

    Returns:
        Features [count, ...] by name, and labels [count].

    Raises:
        AugmentError: a step does not fit the rows.
    """
    import tensorflow as tf

    at = np.arange(min(count, len(rows)))
    bound = augment.bind(rows, schema)
    given = {name: tf.constant(column[at]) for name, column in rows.features(schema).items()}
    seeds = tf.constant(row_seeds(rows, seed, epoch)[at])
    label = tf.constant(rows.labels(schema)[at])
    features, label = bound.changed(given, label, seeds, tf.constant(at))
    return {name: np.asarray(column) for name, column in features.items()}, np.asarray(label)


def bind_steps(steps: Sequence[Step], context: Context) -> Transform:
    """All steps as one transform; each makes its numbers of seeds of its own.

    Raises:
        AugmentError: a step does not fit the rows.
    """
    bound = [(step.probability, step.augmentation.bind(context)) for step in steps]

    def transform(batch: TrainingBatch) -> TrainingBatch:
        seeds = batch.seeds
        for number, (probability, change) in enumerate(bound):
            given = replace(batch, seeds=fold(seeds, 2 * number))
            batch = _mixed(given, change(given), probability, fold(seeds, 2 * number + 1))
        return replace(batch, seeds=seeds)

    return transform


def row_seeds(rows: Rows, seed: int, epoch: int) -> NDArray[np.uint64]:
    """uint64 [n]: the seed of each row's augmentation in an epoch, of its identity alone."""
    identity = (rows.topics, rows.topic, rows.partition, rows.offset)
    return hash64(seed, "augment", *identity, epoch=epoch)


def _mixed(
    before: TrainingBatch, after: TrainingBatch, probability: float, seeds: tf.Tensor
) -> TrainingBatch:
    """Each row as it is after a step, with a probability, else as it was before."""
    if probability >= 1:
        return after
    import tensorflow as tf

    changes = below(seeds, 0, probability)

    def pick(old: tf.Tensor, new: tf.Tensor) -> Any:
        if new is old:
            return old
        # Unlike tf.where it takes one condition a row, for values of any dtype and shape.
        return tf.raw_ops.Select(condition=changes, x=new, y=old)

    features = {name: pick(old, after.features[name]) for name, old in before.features.items()}
    return replace(before, features=features, label=pick(before.label, after.label))
