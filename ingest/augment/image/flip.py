"""Images mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.image.feature import check_shape, image_feature
from ingest.augment.image.fill import pick
from ingest.augment.parameters import expect_word
from ingest.augment.random import integers

__all__ = ["Flip"]

DIRECTIONS = ("horizontal", "vertical", "both")


@dataclass(frozen=True)
class Flip:
    """Mirrors every image that it gets; so a step's probability of 0.5 mirrors half of them.

    Attributes:
        feature: images, float32 or uint8.
        direction: "horizontal" swaps left and right, "vertical" top and foot; "both": a row is
            mirrored horizontally, vertically or both ways, one as likely as another.
        shape: [height, width, channels] if the feature is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    direction: str = "horizontal"
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_word("augment.flip.direction", self.direction, DIRECTIONS)
        check_shape("flip", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or it holds no images.
        """
        feature = image_feature("flip", context, self.feature, self.shape, (0, 1))

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            images = feature.pixels(batch)
            if self.direction == "both":
                drawn = integers(batch.seeds, 0, 3)
                images = pick(drawn != 1, tf.reverse(images, [2]), images)
                images = pick(drawn != 0, tf.reverse(images, [1]), images)
            else:
                axis = 2 if self.direction == "horizontal" else 1
                images = tf.reverse(images, [axis])
            return feature.changed(batch, images)

        return transform
