"""Images with holes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.image.feature import check_shape, image_feature
from ingest.augment.image.fill import boxed, pick, within
from ingest.augment.parameters import expect_number, expect_whole
from ingest.augment.random import integers

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["Cutout"]


@dataclass(frozen=True)
class Cutout:
    """Covers boxes of an image with one value [DeVries & Taylor 2017].

    The middle of a box is drawn evenly from all pixels, and what of it is beyond the edge is
    nowhere; so near an edge a box is smaller, as in the paper.

    Attributes:
        feature: images, float32 or uint8.
        size: sides of a box, as a share of the image's height and width, from 0 to 1; rounded to
            pixels, of which there is at least one unless the share is 0.
        holes: how many boxes, from 1 up; they may overlap.
        fill_value: what covers them, in the values of the feature.
        shape: [height, width, channels] if the feature is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    size: float = 0.3
    holes: int = 1
    fill_value: float = 0.0
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_number("augment.cutout.size", self.size, 0, 1, "a share of the image's sides")
        expect_whole("augment.cutout.holes", self.holes, 1, 100)
        expect_number("augment.cutout.fill_value", self.fill_value, -1e30, 1e30)
        check_shape("cutout", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or it holds no images.
        """
        feature = image_feature("cutout", context, self.feature, self.shape, (0, 1))

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            images = feature.pixels(batch)
            cover = tf.fill(tf.shape(images), tf.cast(self.fill_value, images.dtype))
            for hole in range(self.holes):
                rows = self._covered(batch.seeds, 2 * hole, feature.height)
                columns = self._covered(batch.seeds, 2 * hole + 1, feature.width)
                images = pick(within(rows, columns, feature.channels), cover, images)
            return feature.changed(batch, images)

        return transform

    def _covered(self, seeds: tf.Tensor, salt: int, size: int) -> tf.Tensor:
        """Bool [b, size]: the pixels of an axis."""
        import tensorflow as tf

        middle = tf.cast(integers(seeds, salt, size), tf.int32)
        side = max(1, round(self.size * size)) if self.size else 0
        return boxed(middle, tf.fill(tf.shape(middle), side), size)
