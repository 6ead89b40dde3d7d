"""Images moved by whole pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.image.feature import ImageFeature, check_shape, image_feature
from ingest.augment.image.fill import check_fill, moved
from ingest.augment.parameters import expect_number, expect_whole
from ingest.augment.random import integers

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["PadCrop", "Shift"]


@dataclass(frozen=True)
class Shift:
    """Moves an image by whole pixels, down or up and left or right, each distance as likely.

    Attributes:
        feature: images, float32 or uint8.
        height: the farthest that they move down or up, as a share of the height, from 0 to 1;
            rounded to pixels, of which there is at least one unless the share is 0.
        width: left or right, as a share of the width.
        fill: what comes in at the edge: "reflect", "constant", "nearest" or "wrap".
        fill_value: of a constant, in the values of the feature.
        shape: [height, width, channels] if the feature is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    height: float = 0.1
    width: float = 0.1
    fill: str = "reflect"
    fill_value: float = 0.0
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            place = f"augment.shift.{name}"
            expect_number(place, getattr(self, name), 0, 1, "a share of the image's")
        check_fill("shift", self.fill, self.fill_value)
        check_shape("shift", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or it holds no images.
        """
        feature = image_feature("shift", context, self.feature, self.shape, (0, 1))
        down = _pixels(self.height, feature.height)
        right = _pixels(self.width, feature.width)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            return _moved(batch, feature, (down, right), (self.fill, self.fill_value))

        return transform


@dataclass(frozen=True)
class PadCrop:
    """Puts a margin around an image and cuts one of the given size out of it, anywhere.

    The usual augmentation of small photographs [He et al. 2016, section 4.2]; each of the
    (2 * pixels + 1) ** 2 cuts is as likely.

    Attributes:
        feature: images, float32 or uint8.
        pixels: of the margin, from 0 up.
        fill: what is in the margin: "constant", "reflect", "nearest" or "wrap".
        fill_value: of a constant, in the values of the feature.
        shape: [height, width, channels] if the feature is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    pixels: int = 4
    fill: str = "constant"
    fill_value: float = 0.0
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_whole("augment.pad_crop.pixels", self.pixels, 0, 2**16)
        check_fill("pad_crop", self.fill, self.fill_value)
        check_shape("pad_crop", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or it holds no images.
        """
        feature = image_feature("pad_crop", context, self.feature, self.shape, (0, 1))
        farthest = (self.pixels, self.pixels)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            return _moved(batch, feature, farthest, (self.fill, self.fill_value))

        return transform


def _pixels(share: float, size: int) -> int:
    return max(1, round(share * size)) if share else 0


def _moved(
    batch: TrainingBatch, feature: ImageFeature, farthest: tuple[int, int], fill: tuple[str, float]
) -> TrainingBatch:
    import tensorflow as tf

    def drawn(salt: int, most: int) -> tf.Tensor:
        return tf.cast(integers(batch.seeds, salt, 2 * most + 1), tf.int32) - most

    down, right = drawn(0, farthest[0]), drawn(1, farthest[1])
    return feature.changed(batch, moved(feature.pixels(batch), down, right, *fill))
