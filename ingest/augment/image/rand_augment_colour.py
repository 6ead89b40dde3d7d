"""The operations of RandAugment that change colours, all at once for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.augment.image.colour import COLOURS, mapped, mean_values, saturation_maps
from ingest.augment.image.feature import ImageFeature
from ingest.augment.image.fill import pick

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["COLOURING", "coloured"]

COLOURING = ("autocontrast", "brightness", "contrast", "posterize", "saturation", "solarize")
MOST_FACTOR = 0.9
"""What a factor of 1 gains or loses at full strength."""
BITS, LOST_BITS = 8, 4
"""Of a value, and how many of them posterizing takes at full strength."""


def coloured(
    images: tf.Tensor,
    feature: ImageFeature,
    chosen: tuple[Sequence[str], tf.Tensor],
    signs: tf.Tensor,
    strength: float,
) -> tf.Tensor:
    """The images, each changed by its row's operation, in their range.

    Args:
        images: float32 [b, h, w, c].
        feature: their range.
        chosen: names of operations, and int64 [b] places in them; other operations do nothing.
        signs: float32 [b], 1 or -1.
        strength: from 0 to 1.
    """
    import tensorflow as tf

    names, places = chosen
    factors = 1 + signs * (MOST_FACTOR * strength)

    def here(name: str) -> tf.Tensor:
        return places == names.index(name)

    if {"autocontrast", "brightness", "contrast"} & set(names):
        images = _stretched(images, feature, factors, (names, places))
    if "saturation" in names and feature.channels == COLOURS:
        maps = saturation_maps(tf.where(here("saturation"), factors, 1.0))
        images = feature.clipped(mapped(images, maps))
    if "posterize" in names:
        images = pick(here("posterize"), _posterized(images, feature, strength), images)
    if "solarize" in names and strength > 0:
        # What is at least as bright as the threshold is inverted.
        limit = feature.high - strength * (feature.high - feature.low)
        inverted = pick(images >= limit, feature.low + feature.high - images, images)
        images = pick(here("solarize"), inverted, images)
    return images


def _stretched(
    images: tf.Tensor,
    feature: ImageFeature,
    factors: tf.Tensor,
    chosen: tuple[Sequence[str], tf.Tensor],
) -> tf.Tensor:
    """Values multiplied about a level: black, the mean, or so that they fill the range."""
    import tensorflow as tf

    names, places = chosen
    factor, level = tf.ones_like(factors), tf.zeros_like(factors)
    for name in [name for name in ("brightness", "contrast") if name in names]:
        here = places == names.index(name)
        about = mean_values(images) if name == "contrast" else feature.low
        factor = tf.where(here, factors, factor)
        level = tf.where(here, (1 - factors) * about, level)
    if "autocontrast" in names:
        here = places == names.index("autocontrast")
        flat = tf.reshape(images, (-1, feature.height * feature.width * feature.channels))
        low, high = tf.reduce_min(flat, 1), tf.reduce_max(flat, 1)
        here &= high > low
        wide = (feature.high - feature.low) / tf.where(here, high - low, 1.0)
        factor = tf.where(here, wide, factor)
        level = tf.where(here, feature.low - low * wide, level)
    stretched = images * factor[:, None, None, None] + level[:, None, None, None]
    return feature.clipped(stretched)


def _posterized(images: tf.Tensor, feature: ImageFeature, strength: float) -> tf.Tensor:
    """Values of fewer bits: the lower ones are 0."""
    import tensorflow as tf

    wide = feature.high - feature.low
    step = 2 ** round(LOST_BITS * strength)
    if step == 1:
        return images
    levels = tf.floor((images - feature.low) * ((2**BITS - 1) / wide / step) + 2.0**-10)
    return feature.low + levels * (step * wide / (2**BITS - 1))
