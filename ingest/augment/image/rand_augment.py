"""A few operations on an image, drawn from a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.image.feature import check_range, check_shape, image_feature
from ingest.augment.image.fill import check_fill
from ingest.augment.image.geometry import WARP_FILLS, check_interpolation, warped
from ingest.augment.image.rand_augment_colour import COLOURING, coloured
from ingest.augment.image.rand_augment_form import FORMING, form
from ingest.augment.parameters import expect, expect_names, expect_number, expect_whole
from ingest.augment.random import bits, fold, integers

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["OPERATIONS", "RandAugment"]

OPERATIONS = ("identity", *COLOURING, *FORMING)
STRONGEST = 30
"""The magnitude at which an operation is as strong as it can be."""


@dataclass(frozen=True)
class RandAugment:
    """Does some operations of one magnitude, drawn for each row, to an image.

    From Cubuk, Zoph, Shlens & Le 2020, "RandAugment: practical automated data augmentation with a
    reduced search space". Of its 14 operations, equalize and sharpness are left out. At magnitude
    30 a rotation is by 30 degrees, a shear by 0.3, a translation by 0.45 of a side; brightness,
    contrast and saturation have a factor of 1.9 or 0.1, posterize leaves 4 bits of 8, and solarize
    inverts all values; at smaller ones they are weaker in proportion. The sign is drawn.
    Autocontrast has no strength: it stretches the values of all channels over the whole range.

    The colours are changed first, in the order drawn; then all that moves pixels is done at once,
    so that an image is interpolated once. An operation may be drawn twice.

    Attributes:
        feature: images, float32 or uint8; saturation does nothing to those without 3 channels.
        operations: how many are done one after the other, from 0 to 10.
        magnitude: from 0 to 30.
        among: names of operations to draw from; all of `OPERATIONS` if none is named.
        interpolation: "bilinear", or "nearest" for no new values.
        fill: what comes in at the edge: "reflect", "constant" or "nearest".
        fill_value: of a constant, in the values of the feature.
        range: [black, white]; if not given the minimum and maximum of the field in the schema,
            else [0, 1], or [0, 255] for bytes.
        shape: [height, width, channels] if the feature is flat.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    operations: int = 2
    magnitude: float = 9.0
    among: Sequence[str] = ()
    interpolation: str = "bilinear"
    fill: str = "reflect"
    fill_value: float = 0.0
    range: Sequence[float] | None = None
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        kind = "rand_augment"
        expect_whole(f"augment.{kind}.operations", self.operations, 0, 10)
        expect_number(f"augment.{kind}.magnitude", self.magnitude, 0, STRONGEST)
        names = expect_names(f"augment.{kind}.among", self.among)
        known = set(names) <= set(OPERATIONS)
        expect(known, f"augment.{kind}.among", f"some of {', '.join(OPERATIONS)}", self.among)
        check_interpolation(kind, self.interpolation)
        check_fill(kind, self.fill, self.fill_value, WARP_FILLS)
        check_range(kind, self.range)
        check_shape(kind, self.shape)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or it holds no images of this range.
        """
        feature = image_feature("rand_augment", context, self.feature, self.shape, self.range)
        names = tuple(self.among) or OPERATIONS
        strength = self.magnitude / STRONGEST

        def transform(batch: TrainingBatch) -> TrainingBatch:
            images, maps = feature.numbers(batch), None
            for turn in range(self.operations):
                seeds = fold(batch.seeds, turn)
                chosen = integers(seeds, 0, len(names))
                signs = _signs(seeds)
                images = coloured(images, feature, (names, chosen), signs, strength)
                more = form(feature, (names, chosen), signs, strength)
                maps = more if maps is None or more is None else maps @ more
            if maps is not None:
                images = warped(images, maps, self.interpolation, self.fill, self.fill_value)
            return feature.changed(batch, images)

        return transform


def _signs(seeds: tf.Tensor) -> tf.Tensor:
    """float32 [b]: 1 or -1."""
    import tensorflow as tf

    return tf.where(bits(seeds, 1) < 2**63, 1.0, -1.0)
