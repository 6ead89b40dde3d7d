"""Rows that miss some of their features, as rows of other days may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.chosen import chosen_features
from ingest.augment.known import code_counts, mean
from ingest.augment.parameters import expect_names, expect_number, expect_word
from ingest.augment.random import below
from ingest.field import Field

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

__all__ = ["FeatureDropout"]

DTYPES = ("float32", "float64", "int32", "int64", "bool", "category", "timestamp")
BELOW_INT64 = np.nextafter(2.0**63, 0.0)
Fill = Literal["mean", "zero", "default"]


@dataclass(frozen=True)
class FeatureDropout:
    """Puts something that says nothing in the place of features, each with a probability.

    Attributes:
        features: names; none for all of them. A list is kept or dropped as a whole.
        rate: probability of each feature to be dropped.
        fill: what comes in its place. "mean": of the stream so far, or of the round's rows where
            there are no statistics yet; rounded for integers and timestamps, the more frequent one
            for booleans. "zero": 0, or false, whatever the field's bounds. "default": the field's
            default, or 0 if it has none. For a category "mean" and "zero" are 0, the code of an
            unknown word.

    Raises:
        SettingsError: a parameter is out of range.
    """

    features: Sequence[str] = ()
    rate: float = 0.1
    fill: Fill = "mean"

    def __post_init__(self) -> None:
        names = expect_names("augment.feature_dropout.features", self.features)
        object.__setattr__(self, "features", names)
        expect_number("augment.feature_dropout.rate", self.rate, 0, 1)
        expect_word("augment.feature_dropout.fill", self.fill, get_args(Fill))

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there are no such features, or they are texts.
        """
        fields = chosen_features("augment.feature_dropout", context, self.features, DTYPES)
        fills = [_fill(self.fill, context, field) for field in fields]

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            dropped = tf.unstack(below(batch.seeds, 0, self.rate, (len(fields),)), axis=1)
            changed = {
                field.name: _where(drop, fill, batch.features[field.name])
                for field, drop, fill in zip(fields, dropped, fills, strict=True)
            }
            return replace(batch, features={**batch.features, **changed})

        return transform


def _where(chosen: tf.Tensor, fill: NDArray[Any], column: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    rows = tf.reshape(chosen, (-1, *(1 for _ in fill.shape)))
    return tf.where(rows, tf.constant(fill), column)


def _fill(fill: Fill, context: Context, field: Field) -> NDArray[Any]:
    """What comes in place of a feature, in the shape of a row."""
    value: Any = 0
    if fill == "mean" and field.dtype == "bool":
        no, yes = code_counts(context, field)
        value = yes > no
    elif fill == "mean" and field.dtype != "category":
        value = mean(context, field)
        if field.dtype not in ("float32", "float64"):
            value = np.minimum(np.rint(value), BELOW_INT64)
    elif fill == "default" and field.default is not None:
        value = field.code(field.default) if isinstance(field.default, str) else field.default
    return np.broadcast_to(np.asarray(value, field.numpy_dtype), field.shape)
