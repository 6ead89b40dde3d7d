"""Rows of rare classes between those that there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.chosen import chosen_features
from ingest.augment.parameters import expect, expect_whole
from ingest.augment.random import uniform
from ingest.augment.tabular.rare_rows import RareRows, rare_rows
from ingest.errors import AugmentError
from ingest.field import Field

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

__all__ = ["Smote"]

FLOATS = ("float32", "float64")
Value = str | bool | int | float


@dataclass(frozen=True)
class Smote:
    """Moves rows of rare classes towards a near row of their class.

    This is the interpolation of Chawla et al. ("SMOTE: synthetic minority over-sampling technique",
    2002), which here takes the place of the row: how often a class comes is the sampler's matter.
    The row is moved by an even share of the way to one of its nearest rows of the same class in the
    round; the share is the same for all floats. Integers, categories, booleans and timestamps come
    from the near row with the probability of that share, each alone. Rows are near in the floats,
    each divided by its standard deviation; of a class with more than 5,000 rows, 5,000 that are
    evenly spread may be near. The rows of other classes stay, and the only row of a class does.
    The class of a row is that with which it came, whatever a step before has made of its label.

    Attributes:
        neighbours: how many of the nearest rows there are to choose from.
        classes: labels, as the records have them: words of a category, numbers, booleans; none
            for every class that has fewer than half as many rows of the round as the largest one.

    Raises:
        SettingsError: a parameter is out of range.
    """

    neighbours: int = 5
    classes: Sequence[Value] = ()

    def __post_init__(self) -> None:
        expect_whole("augment.smote.neighbours", self.neighbours, 1, 100)
        listed = isinstance(self.classes, Sequence) and not isinstance(self.classes, str)
        holds = listed and all(isinstance(value, Value) for value in self.classes)
        expect(holds, "augment.smote.classes", "a list of labels", self.classes)
        object.__setattr__(self, "classes", tuple(self.classes))

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: no feature is a float, the label is no class, or a class is none of its.
        """
        floats = chosen_features("augment.smote", context, (), FLOATS)
        others = [f for f in context.schema.features if f.name in context.features]
        others = [field for field in others if field not in floats]
        rare = rare_rows(context, self._labels(context), floats, self.neighbours)
        return _mover(context, rare, floats, others) if len(rare.rows) else lambda batch: batch

    def _labels(self, context: Context) -> NDArray[Any]:
        """The labels of the classes of which rows are moved."""
        found, rows = np.unique(context.label, return_counts=True)
        if np.issubdtype(found.dtype, np.floating) and (found != np.rint(found)).any():
            raise AugmentError(
                "augment.smote: expected a label that is a class, got numbers that are not whole;"
                " leave this step out of a regression"
            )
        if self.classes:
            return np.array([_code(context.schema.label, value) for value in self.classes])
        rare: NDArray[Any] = found[2 * rows < rows.max(initial=0)]
        return rare


def _code(label: Field, value: Value) -> float:
    words = label.vocabulary if label.dtype == "category" else ()
    if isinstance(value, str) and value in words:
        return label.code(value)
    if isinstance(value, str) or words:
        known = ", ".join(words) if words else "numbers"
        raise AugmentError(
            f'augment.smote.classes: label "{label.name}": expected some of {known}, got {value!r}'
        )
    return value


def _mover(
    context: Context, rare: RareRows, floats: Sequence[Field], others: Sequence[Field]
) -> Transform:
    import tensorflow as tf

    columns = {f.name: tf.constant(context.features[f.name][rare.rows]) for f in (*floats, *others)}
    slots, near = tf.constant(rare.slots), tf.constant(rare.near)
    counts = tf.constant(rare.counts, tf.float32)

    def transform(batch: TrainingBatch) -> TrainingBatch:
        slot = tf.gather(slots, batch.places)
        moves, at = slot >= 0, tf.maximum(slot, 0)
        pick = tf.cast(uniform(batch.seeds, 0) * tf.gather(counts, at), tf.int32)
        to = tf.gather_nd(near, tf.stack([at, pick], 1))
        share = uniform(batch.seeds, 1)
        coins = uniform(batch.seeds, 2, (len(others),)) < share[:, None]
        changed = {}
        for field in floats:
            column, other = batch.features[field.name], tf.gather(columns[field.name], to)
            changed[field.name] = _where(moves, _between(column, other, share), column)
        for place, field in enumerate(others):
            other = tf.gather(columns[field.name], to)
            taken = moves & coins[:, place]
            changed[field.name] = _where(taken, other, batch.features[field.name])
        return replace(batch, features={**batch.features, **changed})

    return transform


def _between(one: tf.Tensor, other: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Where a share of the way from one to the other ends; never outside, and never infinite."""
    import tensorflow as tf

    part = _per_row(tf.cast(share, one.dtype), one)
    point = one * (1 - part) + other * part
    return tf.clip_by_value(point, tf.minimum(one, other), tf.maximum(one, other))


def _where(chosen: tf.Tensor, value: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.where(_per_row(chosen, column), value, column)


def _per_row(numbers: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.reshape(numbers, (-1, *(1 for _ in column.shape[1:])))
