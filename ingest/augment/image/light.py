"""Images brighter or darker, and of more or less contrast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.image.colour import mean_values
from ingest.augment.image.feature import check_range, check_shape, image_feature
from ingest.augment.parameters import expect_number
from ingest.augment.random import uniform

__all__ = ["Brightness", "Contrast"]


@dataclass(frozen=True)
class Brightness:
    """Adds a number to all values of an image, drawn evenly, and clips them to the range.

    Attributes:
        feature: images, float32 or uint8.
        factor: the most that is added or taken, as a share of the range, from 0 to 1: at 1 an
            image may become all black or all white.
        range: [black, white]; if not given the minimum and maximum of the field in the schema,
            else [0, 1], or [0, 255] for bytes.
        shape: [height, width, channels] if the feature is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    factor: float = 0.2
    range: Sequence[float] | None = None
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_number("augment.brightness.factor", self.factor, 0, 1, "a share of the range")
        check_range("brightness", self.range)
        check_shape("brightness", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or it holds no images of this range.
        """
        feature = image_feature("brightness", context, self.feature, self.shape, self.range)
        most = self.factor * (feature.high - feature.low)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            added = uniform(batch.seeds, 0, low=-most, high=most)
            images = feature.numbers(batch) + added[:, None, None, None]
            return feature.changed(batch, feature.clipped(images))

        return transform


@dataclass(frozen=True)
class Contrast:
    """Stretches the values of an image away from their mean, and clips them to the range.

    A value x becomes mean + (x - mean) * f, with the mean over all pixels and channels of the
    image and f drawn evenly from 1 - factor to 1 + factor.

    Attributes:
        feature: images, float32 or uint8.
        factor: from 0 to 1: at 1 an image may become all grey, or of twice the contrast.
        range: [black, white]; if not given the minimum and maximum of the field in the schema,
            else [0, 1], or [0, 255] for bytes.
        shape: [height, width, channels] if the feature is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    factor: float = 0.3
    range: Sequence[float] | None = None
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_number("augment.contrast.factor", self.factor, 0, 1)
        check_range("contrast", self.range)
        check_shape("contrast", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or it holds no images of this range.
        """
        feature = image_feature("contrast", context, self.feature, self.shape, self.range)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            images = feature.numbers(batch)
            more = uniform(batch.seeds, 0, low=1 - self.factor, high=1 + self.factor)
            level = mean_values(images) * (1 - more)
            images = images * more[:, None, None, None] + level[:, None, None, None]
            return feature.changed(batch, feature.clipped(images))

        return transform
