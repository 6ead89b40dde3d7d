"""A part of an image, brought back to the size of the whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.elementwise import elementwise
from ingest.augment.image.feature import ImageFeature, check_shape, image_feature
from ingest.augment.image.geometry import check_interpolation
from ingest.augment.image.stretch import part, stretched
from ingest.augment.parameters import expect_pair
from ingest.augment.random import uniform

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["Crop"]


@dataclass(frozen=True)
class Crop:
    """Cuts a part of random size, form and place out of an image and resizes it to the whole's.

    The random resized crop of Szegedy et al. 2015, "Going deeper with convolutions". A part that
    would be taller or wider than the image is as tall or wide as it.

    Attributes:
        feature: images, float32 or uint8.
        scale: [smallest, largest] area of the part, as a share of the image's; drawn evenly.
        ratio: [smallest, largest] width by height of the part, relative to the image's; drawn
            evenly in its logarithm.
        interpolation: "bilinear", or "nearest" for no new values.
        shape: [height, width, channels] if the feature is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    scale: Sequence[float] = (0.5, 1.0)
    ratio: Sequence[float] = (0.75, 4 / 3)
    interpolation: str = "bilinear"
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_pair("augment.crop.scale", self.scale, 1e-4, 1)
        expect_pair("augment.crop.ratio", self.ratio, 0.01, 100)
        check_interpolation("crop", self.interpolation)
        check_shape("crop", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or it holds no images.
        """
        feature = image_feature("crop", context, self.feature, self.shape, (0, 1))

        def transform(batch: TrainingBatch) -> TrainingBatch:
            places = self._places(batch.seeds, feature)
            images = stretched(feature.numbers(batch), places, self.interpolation, "nearest", 0.0)
            return feature.changed(batch, images)

        return transform

    def _places(self, seeds: tf.Tensor, feature: ImageFeature) -> tuple[tf.Tensor, tf.Tensor]:
        """float32 [b, h] rows and [b, w] columns."""
        import tensorflow as tf

        area = uniform(seeds, 0, (), *self.scale)
        low, high = (math.log(ratio) for ratio in self.ratio)
        aspect = uniform(seeds, 1, (), low, high)
        # Not a quotient: a graph may compute 1 / x less exactly.
        aspects = elementwise(tf.exp, tf.stack([-aspect, aspect], 1))
        sides = tf.minimum(tf.sqrt(area[:, None] * aspects), 1.0)
        first = uniform(seeds, 2, (2,)) * (1 - sides)
        return (
            part(first[:, 0] * feature.height, sides[:, 0], feature.height),
            part(first[:, 1] * feature.width, sides[:, 1], feature.width),
        )
