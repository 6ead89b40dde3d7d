"""Images of stronger, weaker or other colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.image.colour import hue_maps, mapped, require_colours, saturation_maps
from ingest.augment.image.feature import check_range, check_shape, image_feature
from ingest.augment.parameters import expect_number
from ingest.augment.random import uniform

__all__ = ["Hue", "Saturation"]


@dataclass(frozen=True)
class Saturation:
    """Moves the colours of an image away from grey or towards it, and clips them to the range.

    A pixel x becomes grey + (x - grey) * f, where grey has its brightness [ITU-R BT.601] and f is
    drawn evenly from 1 - factor to 1 + factor.

    Attributes:
        feature: images with 3 channels (red, green, blue), float32 or uint8.
        factor: from 0 to 1: at 1 an image may become all grey, or of twice the colour.
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
        expect_number("augment.saturation.factor", self.factor, 0, 1)
        check_range("saturation", self.range)
        check_shape("saturation", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or it holds no colours of this range.
        """
        feature = image_feature("saturation", context, self.feature, self.shape, self.range)
        require_colours("saturation", feature)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            more = uniform(batch.seeds, 0, low=1 - self.factor, high=1 + self.factor)
            images = mapped(feature.numbers(batch), saturation_maps(more))
            return feature.changed(batch, feature.clipped(images))

        return transform


@dataclass(frozen=True)
class Hue:
    """Turns the colours of an image about the axis of greys, and clips them to the range.

    The brightness of a pixel stays, but for what is clipped: the turn is one of the two axes of
    colour of YIQ, a linear map, and not of the angle of HSV, which would move the brightness.

    Attributes:
        feature: images with 3 channels (red, green, blue), float32 or uint8.
        factor: the largest turn, either way, as a share of the whole circle, from 0 to 0.5; a
            third makes green of red.
        range: [black, white]; if not given the minimum and maximum of the field in the schema,
            else [0, 1], or [0, 255] for bytes.
        shape: [height, width, channels] if the feature is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    factor: float = 0.05
    range: Sequence[float] | None = None
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_number("augment.hue.factor", self.factor, 0, 0.5, "a share of the circle")
        check_range("hue", self.range)
        check_shape("hue", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or it holds no colours of this range.
        """
        feature = image_feature("hue", context, self.feature, self.shape, self.range)
        require_colours("hue", feature)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            turns = uniform(batch.seeds, 0, low=-self.factor, high=self.factor)
            images = mapped(feature.numbers(batch), hue_maps(turns))
            return feature.changed(batch, feature.clipped(images))

        return transform
