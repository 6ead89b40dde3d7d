"""Images stretched along their axes: other rows and other columns of the same image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.augment.image.fill import folded, inside

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["part", "stretched"]


def part(first: tf.Tensor, share: tf.Tensor, size: int) -> tf.Tensor:
    """float32 [b, size]: the places of an axis that are seen when a part of it is resized to it.

    Args:
        first: float32 [b], where the part begins, in pixels from the edge of the image.
        share: float32 [b], its length as a share of the axis; above 1 it is longer.
        size: of the image along the axis, in pixels.
    """
    import tensorflow as tf

    middles = tf.range(size, dtype=tf.float32) + 0.5
    return first[:, None] + middles * share[:, None] - 0.5


def stretched(
    images: tf.Tensor,
    places: tuple[tf.Tensor, tf.Tensor],
    interpolation: str,
    fill: str,
    value: float,
) -> tf.Tensor:
    """The images with other rows and columns.

    One axis after the other, so that whole lines are copied and each number is a mean of two: three
    times as fast as `ingest.augment.image.geometry.warped`.

    Args:
        images: float32 [b, h, w, c].
        places: float32 [b, h] rows and [b, w] columns that are to be seen; 0 is the middle of the
            first.
        interpolation: one of `ingest.augment.image.geometry.INTERPOLATIONS`.
        fill: one of `ingest.augment.image.fill.FILLS`.
        value: of a constant.
    """
    import tensorflow as tf

    for axis in range(2):
        images = _lines(images, places[axis], interpolation, fill, value)
        images = tf.transpose(images, (0, 2, 1, 3))
    return images


def _lines(
    images: tf.Tensor, places: tf.Tensor, interpolation: str, fill: str, value: float
) -> tf.Tensor:
    import tensorflow as tf

    lines, across, channels = images.shape[1:]
    flat = tf.reshape(images, (-1, lines, across * channels))
    if interpolation == "nearest":
        near = [(tf.cast(tf.floor(places + 0.5), tf.int32), tf.ones_like(places))]
    else:
        low = tf.floor(places)
        rest, at = places - low, tf.cast(low, tf.int32)
        near = [(at, 1 - rest), (at + 1, rest)]
    found, missing = tf.constant(0.0), tf.ones_like(places)
    for at, share in near:
        if fill == "constant":
            share = tf.where(inside(at, lines), share, 0.0)
            missing -= share
        found += tf.gather(flat, folded(at, lines, fill), batch_dims=1) * share[:, :, None]
    if fill == "constant" and value:
        found += value * missing[:, :, None]
    return tf.reshape(found, (-1, lines, across, channels))
