"""Series that were measured in another way: with noise, or on another scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.parameters import expect_number
from ingest.augment.random import normal
from ingest.augment.row_sums import row_sums
from ingest.augment.series.layout import check_series_shape, series_feature

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["Jitter", "Scaling"]


@dataclass(frozen=True)
class Jitter:
    """Adds normal noise to each step of a series, alone (Um et al. 2017).

    Attributes:
        feature: floats, [b, n] or [b, n, channels], or flat with a `shape`.
        scale: standard deviation of the noise, as a share of the standard deviation of the row's
            own series, of each channel for itself. A series that is constant stays so.
        shape: [steps, channels] of a feature that is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    scale: float = 0.05
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_number("augment.jitter.scale", self.scale, 0, 10)
        check_series_shape("jitter", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such series.
        """
        series = series_feature("jitter", context, self.feature, self.shape)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            values = series.values(batch)
            noise = normal(batch.seeds, 0, (series.steps, series.channels))
            noise = tf.cast(noise * self.scale, values.dtype) * _deviations(values)
            return series.changed(batch, values + noise)

        return transform


@dataclass(frozen=True)
class Scaling:
    """Multiplies each channel of a series by a factor about 1 (Um et al. 2017).

    Attributes:
        feature: floats, [b, n] or [b, n, channels], or flat with a `shape`.
        scale: standard deviation of the factors, which are normal with a mean of 1; one below 0
            becomes 0.
        shape: [steps, channels] of a feature that is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    scale: float = 0.1
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_number("augment.scaling.scale", self.scale, 0, 1)
        check_series_shape("scaling", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such series.
        """
        series = series_feature("scaling", context, self.feature, self.shape)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            values = series.values(batch)
            drawn = 1 + self.scale * normal(batch.seeds, 0, (1, series.channels))
            return series.changed(batch, values * tf.cast(tf.maximum(drawn, 0), values.dtype))

        return transform


def _deviations(values: tf.Tensor) -> tf.Tensor:
    """[b, 1, channels]: the standard deviation of each channel of [b, steps, channels]."""
    import tensorflow as tf

    steps, channels = values.shape[1:]
    rows = tf.reshape(tf.transpose(values, (0, 2, 1)), (-1, steps))
    away = rows - rows[:, :1]
    away -= row_sums(away)[:, None] / steps
    return tf.reshape(tf.sqrt(row_sums(away * away) / steps), (-1, 1, channels))
