"""Images turned about their middle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.image.feature import check_shape, image_feature
from ingest.augment.image.fill import check_fill
from ingest.augment.image.geometry import WARP_FILLS, check_interpolation, rotation, warped
from ingest.augment.parameters import expect_number
from ingest.augment.random import uniform

__all__ = ["Rotate"]


@dataclass(frozen=True)
class Rotate:
    """Turns an image about its middle, by an angle drawn evenly.

    Attributes:
        feature: images, float32 or uint8.
        degrees: the largest angle, either way, from 0 to 180.
        interpolation: "bilinear", or "nearest" for no new values.
        fill: what comes in at the corners: "reflect", "constant" or "nearest".
        fill_value: of a constant, in the values of the feature.
        shape: [height, width, channels] if the feature is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    degrees: float = 15.0
    interpolation: str = "bilinear"
    fill: str = "reflect"
    fill_value: float = 0.0
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_number("augment.rotate.degrees", self.degrees, 0, 180)
        check_interpolation("rotate", self.interpolation)
        check_fill("rotate", self.fill, self.fill_value, WARP_FILLS)
        check_shape("rotate", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or it holds no images.
        """
        feature = image_feature("rotate", context, self.feature, self.shape, (0, 1))
        most = math.radians(self.degrees)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            turned = warped(
                feature.numbers(batch),
                rotation(uniform(batch.seeds, 0, low=-most, high=most)),
                self.interpolation,
                self.fill,
                self.fill_value,
            )
            return feature.changed(batch, turned)

        return transform
