"""The operations of RandAugment that move pixels, as maps that are composed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.augment.image.feature import ImageFeature
from ingest.augment.image.geometry import rotation, shear

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["FORMING", "form"]

FORMING = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
MOST_DEGREES, MOST_SHEAR, MOST_TRANSLATION = 30.0, 0.3, 0.45
"""At full strength; a translation as a share of a side."""


def form(
    feature: ImageFeature,
    chosen: tuple[Sequence[str], tf.Tensor],
    signs: tf.Tensor,
    strength: float,
) -> tf.Tensor | None:
    """float32 [b, 3, 3]: what each row's operation does to places; None if none of them moves any.

    Args:
        feature: the images.
        chosen: names of operations, and int64 [b] places in them.
        signs: float32 [b], 1 or -1.
        strength: from 0 to 1.
    """
    import tensorflow as tf

    names, places = chosen
    if not set(names) & set(FORMING):
        return None

    def amount(name: str, most: float) -> tf.Tensor:
        here = places == names.index(name) if name in names else tf.zeros_like(places, tf.bool)
        return tf.where(here, signs * (most * strength), 0.0)

    moves = shear(
        amount("shear_x", MOST_SHEAR),
        amount("shear_y", MOST_SHEAR),
        amount("translate_x", MOST_TRANSLATION * feature.width),
        amount("translate_y", MOST_TRANSLATION * feature.height),
    )
    return moves @ rotation(amount("rotate", math.radians(MOST_DEGREES)))
