"""The feature that holds time series: its length and channels, and values between two steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingest.augment.augmentation import Context, TrainingBatch
from ingest.augment.chosen import chosen_feature
from ingest.augment.parameters import expect
from ingest.errors import AugmentError
from ingest.field import Field

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["Series", "check_series_shape", "read_between", "series_feature"]


@dataclass(frozen=True)
class Series:
    """One feature with time series, as `series_feature` found it.

    Attributes:
        field: of the schema.
        steps: of a series.
        channels: numbers of each step.
    """

    field: Field
    steps: int
    channels: int

    def values(self, batch: TrainingBatch) -> tf.Tensor:
        """[b, steps, channels], in the dtype of the feature."""
        import tensorflow as tf

        return tf.reshape(batch.features[self.field.name], (-1, self.steps, self.channels))

    def changed(self, batch: TrainingBatch, values: tf.Tensor) -> TrainingBatch:
        """The batch with other series, in the shape of the feature and within its bounds."""
        import tensorflow as tf

        name, (low, high) = self.field.name, self.field.bounds
        largest = values.dtype.max
        low, high = -largest if low is None else low, largest if high is None else high
        values = tf.clip_by_value(values, tf.cast(low, values.dtype), tf.cast(high, values.dtype))
        values = tf.reshape(values, (-1, *batch.features[name].shape[1:]))
        return replace(batch, features={**batch.features, name: values})


def check_series_shape(kind: str, shape: Sequence[int] | None) -> None:
    """Refuse a parameter `shape` that is not [steps] or [steps, channels].

    Raises:
        SettingsError: it is not.
    """
    if shape is None:
        return
    listed = list(shape) if isinstance(shape, Sequence) and not isinstance(shape, str) else []
    whole = all(isinstance(size, int) and not isinstance(size, bool) for size in listed)
    holds = len(listed) in (1, 2) and whole and min(listed) >= 1
    expect(holds, f"augment.{kind}.shape", "[steps] or [steps, channels], each from 1", shape)


def series_feature(
    kind: str, context: Context, name: str, shape: Sequence[int] | None = None
) -> Series:
    """The feature of a name, which must hold series: float32 or float64.

    Args:
        kind: of the step, for the texts of errors.
        context: of the round.
        name: of the feature: [n, steps], [n, steps, channels], or flat with a shape.
        shape: of a series, [steps] or [steps, channels]; None if the feature has it.

    Raises:
        AugmentError: there is no such feature, or it holds no series of that shape.
    """
    place = f"augment.{kind}"
    field = chosen_feature(place, context, name, ("float32", "float64"))
    of_row = list(context.features[name].shape[1:])
    wanted = of_row if shape is None else list(shape)
    if len(wanted) not in (1, 2):
        raise AugmentError(
            f'{place}: feature "{name}": expected series [rows, steps] or [rows, steps, channels],'
            f" got rows of shape {of_row}; declare it in the schema with length = its steps"
        )
    if math.prod(wanted) != math.prod(of_row):
        raise AugmentError(
            f'{place}: feature "{name}": expected rows of {math.prod(wanted)} numbers by the shape'
            f" {wanted}, got {math.prod(of_row)}; change {place}.shape"
        )
    steps, *channels = wanted
    return Series(field, steps, channels[0] if channels else 1)


def read_between(values: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """[b, m, channels]: series at places between their steps, on the line from one to the next.

    Args:
        values: [b, steps, channels].
        places: float32 [b, m], from 0 to steps - 1; those beyond are the nearest end.
    """
    import tensorflow as tf

    last = int(values.shape[1]) - 1
    before = tf.clip_by_value(tf.floor(places), 0, last)
    share = tf.cast(tf.clip_by_value(places - before, 0, 1), values.dtype)[:, :, None]
    at = tf.cast(before, tf.int32)
    one = tf.gather(values, at, axis=1, batch_dims=1)
    next_one = tf.gather(values, tf.minimum(at + 1, last), axis=1, batch_dims=1)
    return one + share * (next_one - one)
