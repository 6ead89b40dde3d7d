"""Images seen from nearer or farther."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.elementwise import elementwise
from ingest.augment.image.feature import check_shape, image_feature
from ingest.augment.image.fill import check_fill
from ingest.augment.image.geometry import check_interpolation
from ingest.augment.image.stretch import part, stretched
from ingest.augment.parameters import expect, expect_pair
from ingest.augment.random import uniform

__all__ = ["Zoom"]


@dataclass(frozen=True)
class Zoom:
    """Makes what is in an image larger or smaller, about its middle.

    Attributes:
        feature: images, float32 or uint8.
        scale: [smallest, largest] factor, above 1 for larger; drawn evenly in its logarithm, so
            that 1.25 is as likely as 0.8.
        keep_aspect: whether height and width have one factor, or each its own.
        interpolation: "bilinear", or "nearest" for no new values.
        fill: what is around an image that became smaller: "reflect", "constant", "nearest" or
            "wrap".
        fill_value: of a constant, in the values of the feature.
        shape: [height, width, channels] if the feature is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    scale: Sequence[float] = (0.8, 1.25)
    keep_aspect: bool = True
    interpolation: str = "bilinear"
    fill: str = "reflect"
    fill_value: float = 0.0
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_pair("augment.zoom.scale", self.scale, 0.01, 100)
        keep = isinstance(self.keep_aspect, bool)
        expect(keep, "augment.zoom.keep_aspect", "true or false", self.keep_aspect)
        check_interpolation("zoom", self.interpolation)
        check_fill("zoom", self.fill, self.fill_value)
        check_shape("zoom", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or it holds no images.
        """
        feature = image_feature("zoom", context, self.feature, self.shape, (0, 1))
        low, high = (math.log(factor) for factor in self.scale)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            # The part that is seen is 1 by the factor; a graph may compute 1 / x less exactly.
            parts = elementwise(tf.exp, -uniform(batch.seeds, 0, (2,), low, high))
            tall, wide = parts[:, 0], parts[:, 0 if self.keep_aspect else 1]
            rows = part(feature.height / 2 * (1 - tall), tall, feature.height)
            columns = part(feature.width / 2 * (1 - wide), wide, feature.width)
            images = stretched(
                feature.numbers(batch),
                (rows, columns),
                self.interpolation,
                self.fill,
                self.fill_value,
            )
            return feature.changed(batch, images)

        return transform
