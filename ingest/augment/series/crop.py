"""A part of a series in the place of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.parameters import expect_number
from ingest.augment.random import uniform
from ingest.augment.series.layout import check_series_shape, read_between, series_feature

__all__ = ["WindowCrop"]


@dataclass(frozen=True)
class WindowCrop:
    """Cuts a window out of a series and stretches it back to the length (Le Guennec et al. 2016).

    The window begins anywhere, not only at a step; values between two steps are on the line from
    one to the next.

    Attributes:
        feature: floats, [b, n] or [b, n, channels], or flat with a `shape`.
        size: of the window, as a share of the series, from 0.01 to 1.
        shape: [steps, channels] of a feature that is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    size: float = 0.9
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_number("augment.window_crop.size", self.size, 0.01, 1)
        check_series_shape("window_crop", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such series.
        """
        series = series_feature("window_crop", context, self.feature, self.shape)
        latest = (1 - self.size) * (series.steps - 1)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            steps = tf.range(series.steps, dtype=tf.float32) * self.size
            places = uniform(batch.seeds, 0, (1,), 0.0, latest) + steps[None]
            return series.changed(batch, read_between(series.values(batch), places))

        return transform
