"""What is seen beyond the edge of an image, and which pixels lie in a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.augment.parameters import expect_number, expect_word

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["FILLS", "boxed", "check_fill", "folded", "inside", "moved", "pick", "within"]

FILLS = ("reflect", "constant", "nearest", "wrap")
"""A row `a b c d` goes on as `d c b a`, with a constant, as `d d d d`, or as `a b c d`."""


def check_fill(kind: str, fill: str, fill_value: float, fills: Sequence[str] = FILLS) -> None:
    """Refuse parameters `fill` and `fill_value` that are not as documented.

    Raises:
        SettingsError: they are not.
    """
    expect_word(f"augment.{kind}.fill", fill, fills)
    expect_number(f"augment.{kind}.fill_value", fill_value, -1e30, 1e30)


def moved(
    images: tf.Tensor, down: tf.Tensor, right: tf.Tensor, fill: str, fill_value: float
) -> tf.Tensor:
    """The images moved by whole pixels: no pixel is blurred.

    Args:
        images: [b, h, w, c].
        down: int32 [b], in pixels; negative is up.
        right: int32 [b].
        fill: one of `FILLS`.
        fill_value: of a constant.
    """
    import tensorflow as tf

    height, width, channels = images.shape[1:]
    rows = tf.range(height)[None] - down[:, None]
    columns = tf.range(width)[None] - right[:, None]
    # A gather of whole rows copies long stretches; so columns are turned into rows and back.
    found = tf.gather(images, folded(rows, height, fill), batch_dims=1)
    found = tf.transpose(found, (0, 2, 1, 3))
    found = tf.gather(found, folded(columns, width, fill), batch_dims=1)
    found = tf.transpose(found, (0, 2, 1, 3))
    if fill == "constant":
        seen = within(inside(rows, height), inside(columns, width), channels)
        found = pick(seen, found, tf.fill(tf.shape(found), tf.cast(fill_value, found.dtype)))
    return found


def boxed(middle: tf.Tensor, side: tf.Tensor, size: int) -> tf.Tensor:
    """Bool [b, size]: the pixels of an axis that lie in a box, cut at the edge of the image.

    Args:
        middle: int32 [b], the pixel at the middle of the box.
        side: int32 [b], pixels of the box.
        size: of the image along the axis.
    """
    import tensorflow as tf

    first = (middle - side // 2)[:, None]
    pixels = tf.range(size)[None]
    return (pixels >= first) & (pixels < first + side[:, None])


def within(rows: tf.Tensor, columns: tf.Tensor, channels: int) -> tf.Tensor:
    """Bool [b, h, w, channels]: the pixels of some rows [b, h] and columns [b, w]."""
    import tensorflow as tf

    height, width = rows.shape[1], columns.shape[1]
    # Broadcasting along an axis of three is slow: columns are repeated before.
    wide = tf.repeat(columns, channels, axis=1)
    return tf.reshape(rows[:, :, None] & wide[:, None], (-1, height, width, channels))


def pick(condition: tf.Tensor, those: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Values of `those` where the condition holds, else of `others`.

    Args:
        condition: bool, of the shape of the others, or [b], by row.
        those: [b, ...].
        others: of the same shape.
    """
    import tensorflow as tf

    # Unlike tf.where it broadcasts nothing, and so is ten times as fast.
    return tf.raw_ops.Select(condition=condition, x=those, y=others)


def folded(places: tf.Tensor, size: int, fill: str) -> tf.Tensor:
    """Places beyond the edge as those of the pixels that are seen there.

    Args:
        places: int32, along an axis.
        size: of the axis.
        fill: one of `FILLS`; of a constant some place of the image, to be covered.
    """
    import tensorflow as tf

    if fill == "wrap":
        return tf.math.floormod(places, size)
    if fill == "reflect":
        places = tf.math.floormod(places, 2 * size)
        return tf.minimum(places, 2 * size - 1 - places)
    return tf.clip_by_value(places, 0, size - 1)


def inside(places: tf.Tensor, size: int) -> tf.Tensor:
    """Bool: which places along an axis are of the image."""
    return (places >= 0) & (places < size)
