"""Images with a part of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.image.feature import ImageFeature, check_shape, image_feature
from ingest.augment.image.fill import boxed, pick, within
from ingest.augment.parameters import expect_number
from ingest.augment.partners import SHAPES, beta_quantiles, drawn_from, mixed, partners
from ingest.augment.random import integers
from ingest.errors import AugmentError

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["CutMix"]

PARTNER, SHARE, LABEL, DOWN, ACROSS = range(5)
"""What a row's numbers are drawn for."""


@dataclass(frozen=True)
class CutMix:
    """Pastes a box of another image of the round into an image [Yun et al. 2019].

    The box has the form of the image and an area of 1 - s, with s from Beta(alpha, alpha); its
    middle is drawn evenly from all pixels, and what of it is beyond the edge is nowhere. The
    partner is any training row of the round, as it came.

    The share of the label is that of the pixels that are left. A label that is a float is
    interpolated. One that is an integer, such as the code of a class, keeps its dtype, so that the
    model's compiled loss stays: it becomes the partner's with the probability of the pasted pixels'
    share, and then the expected loss is that of the soft label. Other features stay as they are.

    Attributes:
        feature: images, float32 or uint8.
        alpha: from 0.01 to 1000. 1: all areas are as likely; small: most boxes are nearly nothing
            or the whole.
        shape: [height, width, channels] if the feature is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    alpha: float = 1.0
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        expect_number("augment.cutmix.alpha", self.alpha, *SHAPES)
        check_shape("cutmix", self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, it holds no images, or no row is there.
        """
        import tensorflow as tf

        feature = image_feature("cutmix", context, self.feature, self.shape, (0, 1))
        if not len(context.label):
            raise AugmentError("augment.cutmix: expected rows to mix with, got a round without any")
        others = tf.constant(context.features[self.feature])
        labels = tf.constant(context.label)
        quantiles = beta_quantiles(self.alpha)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            at = partners(batch.seeds, PARTNER, len(context.label))
            rows, columns = _box(batch.seeds, feature, drawn_from(batch.seeds, SHARE, quantiles))
            images = feature.pixels(batch)
            pasted = tf.reshape(tf.gather(others, at), tf.shape(images))
            images = pick(within(rows, columns, feature.channels), pasted, images)
            area = _count(rows) * _count(columns) / (feature.height * feature.width)
            label = mixed(batch.label, tf.gather(labels, at), 1 - area, batch.seeds, LABEL)
            return replace(feature.changed(batch, images), label=label)

        return transform


def _box(seeds: tf.Tensor, feature: ImageFeature, share: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The rows [b, h] and columns [b, w] that are the partner's."""
    import tensorflow as tf

    axes = []
    side = tf.sqrt(1 - share)
    for salt, size in ((DOWN, feature.height), (ACROSS, feature.width)):
        middle = tf.cast(integers(seeds, salt, size), tf.int32)
        axes.append(boxed(middle, tf.cast(tf.round(side * size), tf.int32), size))
    return axes[0], axes[1]


def _count(chosen: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    # Sums of whole numbers are exact in any order.
    return tf.cast(tf.reduce_sum(tf.cast(chosen, tf.int32), 1), tf.float32)
