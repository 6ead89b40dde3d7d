"""Series that went by faster and slower, or louder and softer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.parameters import expect_number, expect_whole
from ingest.augment.random import normal, uniform
from ingest.augment.series.curves import combined, knot_curves
from ingest.augment.series.layout import check_series_shape, read_between, series_feature

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MagnitudeWarp", "TimeWarp"]

MOST_KNOTS = 32


@dataclass(frozen=True)
class TimeWarp:
    """Reads a series at a speed that changes smoothly, from its first step to its last.

    The speed is drawn at some knots that are evenly spread, from 1 - scale to 1 + scale, and
    goes smoothly from one to the next; then time is stretched so that both ends stay where they
    are. Time never goes back. Values between two steps are on the line from one to the next. This
    is the time-warping of Um et al. (2017), with speeds that cannot be negative.

    Attributes:
        feature: floats, [b, n] or [b, n, channels], or flat with a `shape`. All channels go
            together.
        scale: how much faster or slower a knot may be, from 0 to 0.9.
        knots: between the two ends, which have one each.
        shape: [steps, channels] of a feature that is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    scale: float = 0.2
    knots: int = 4
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_number("augment.time_warp.scale", self.scale, 0, 0.9)
        expect_whole("augment.time_warp.knots", self.knots, 1, MOST_KNOTS)
        check_series_shape("time_warp", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such series.
        """
        series = series_feature("time_warp", context, self.feature, self.shape)
        detours, shares = _detours(self.knots, series.steps)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            shape = (self.knots + 2, 1)
            faster = uniform(batch.seeds, 0, shape, -self.scale, self.scale)
            whole = 1 + combined(faster, shares)
            places = tf.range(series.steps, dtype=tf.float32)[None, :, None]
            places += combined(faster, detours) / whole
            return series.changed(batch, read_between(series.values(batch), places[:, :, 0]))

        return transform


@dataclass(frozen=True)
class MagnitudeWarp:
    """Multiplies a series by a curve that goes smoothly up and down about 1 (Um et al. 2017).

    Attributes:
        feature: floats, [b, n] or [b, n, channels], or flat with a `shape`. Each channel has a
            curve of its own.
        scale: standard deviation of the curve at its knots, where it is normal with a mean of 1;
            one below 0 becomes 0.
        knots: between the two ends, which have one each.
        shape: [steps, channels] of a feature that is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    scale: float = 0.2
    knots: int = 4
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_number("augment.magnitude_warp.scale", self.scale, 0, 1)
        expect_whole("augment.magnitude_warp.knots", self.knots, 1, MOST_KNOTS)
        check_series_shape("magnitude_warp", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such series.
        """
        series = series_feature("magnitude_warp", context, self.feature, self.shape)
        curves = knot_curves(self.knots, series.steps)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            drawn = self.scale * normal(batch.seeds, 0, (self.knots + 2, series.channels))
            factors = 1 + combined(tf.maximum(drawn, -1), curves)
            values = series.values(batch)
            return series.changed(batch, values * tf.cast(factors, values.dtype))

        return transform


def _detours(knots: int, steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each knot's extra speed leads from the step where one would be, and its mean.

    With speeds 1 + d, one is at (t + sum d C(t)) / (1 + sum d C(end) / end) after t steps, where C
    is a knot's curve, summed up to t. That is t + sum d (C(t) - t C(end) / end) / (1 + ...), which
    is t to the last bit if no speed is changed.

    Returns:
        float64 [knots + 2, steps], and the C(end) / end: float64 [knots + 2, 1].
    """
    curves = knot_curves(knots, steps)
    ways = np.zeros(curves.shape)
    ways[:, 1:] = np.cumsum((curves[:, 1:] + curves[:, :-1]) / 2, axis=1)
    shares = ways[:, -1:] / max(steps - 1, 1)
    return ways - shares * np.arange(steps), shares
