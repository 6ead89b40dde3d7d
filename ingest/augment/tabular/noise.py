"""Noise on numbers, by the measure of how much they vary anyway."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.chosen import chosen_features
from ingest.augment.known import deviation
from ingest.augment.parameters import expect_names, expect_number
from ingest.augment.random import normal
from ingest.field import Field

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

__all__ = ["GaussianNoise"]


@dataclass(frozen=True)
class GaussianNoise:
    """Adds normal noise to floats, in proportion to the standard deviation of each feature.

    The deviation is that of the stream so far, or of the rows of the round where there are no
    statistics yet; of a list it is that of each place. What would leave the field's minimum or
    maximum becomes that bound.

    Attributes:
        features: names of float32 and float64 features; none for all of them.
        scale: standard deviation of the noise, as a share of the feature's own.

    Raises:
        SettingsError: a parameter is out of range.
    """

    features: Sequence[str] = ()
    scale: float = 0.1

    def __post_init__(self) -> None:
        names = expect_names("augment.gaussian_noise.features", self.features)
        object.__setattr__(self, "features", names)
        expect_number("augment.gaussian_noise.scale", self.scale, 0, 10)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there are no such features, or they are no floats.
        """
        place, dtypes = "augment.gaussian_noise", ("float32", "float64")
        fields = chosen_features(place, context, self.features, dtypes)
        sizes = [math.prod(field.shape) for field in fields]
        scales = np.concatenate([self._scales(context, field) for field in fields])

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            noise = normal(batch.seeds, 0, (sum(sizes),)) * tf.constant(scales)
            changed = {
                field.name: _added(field, batch.features[field.name], part)
                for field, part in zip(fields, tf.split(noise, sizes, 1), strict=True)
            }
            return replace(batch, features={**batch.features, **changed})

        return transform

    def _scales(self, context: Context, field: Field) -> NDArray[np.float32]:
        own = np.broadcast_to(deviation(context, field), field.shape).reshape(-1)
        return np.minimum(own * self.scale, np.finfo(np.float32).max / 64).astype(np.float32)


def _added(field: Field, column: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    column = column + tf.cast(tf.reshape(noise, (-1, *field.shape)), column.dtype)
    low, high = field.bounds
    largest = column.dtype.max
    return tf.clip_by_value(
        column,
        tf.cast(-largest if low is None else low, column.dtype),
        tf.cast(largest if high is None else high, column.dtype),
    )
