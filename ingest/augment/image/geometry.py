"""Images turned, sheared and moved: one affine map a row, in one pass over the pixels.

A map is float32 [b, 3, 3] and says for a place in the outcome where it is in the given image, in
pixels from the middle of the image, (x to the right, y down, 1). So maps are composed by matrix
products: `first @ second` changes an image as the first does, and the outcome as the second does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.augment.elementwise import elementwise
from ingest.augment.parameters import expect_word

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["INTERPOLATIONS", "WARP_FILLS", "check_interpolation", "rotation", "shear", "warped"]

INTERPOLATIONS = ("bilinear", "nearest")
WARP_FILLS = ("reflect", "constant", "nearest")
"""Not "wrap": TensorFlow's takes wrong pixels where the last and the first should meet."""


def check_interpolation(kind: str, interpolation: str) -> None:
    """Refuse a parameter `interpolation` that is none of `INTERPOLATIONS`.

    Raises:
        SettingsError: it is none.
    """
    expect_word(f"augment.{kind}.interpolation", interpolation, INTERPOLATIONS)


def rotation(radians: tf.Tensor) -> tf.Tensor:
    """[b, 3, 3]: what turns images about their middle, counter-clockwise.

    Args:
        radians: float32 [b].
    """
    import tensorflow as tf

    cosine, sine = elementwise(tf.cos, radians), elementwise(tf.sin, radians)
    return _map(cosine, -sine, 0 * sine, sine, cosine, 0 * sine)


def shear(across: tf.Tensor, down: tf.Tensor, to_right: tf.Tensor, to_foot: tf.Tensor) -> tf.Tensor:
    """[b, 3, 3]: what shears and moves images.

    Args:
        across: float32 [b], pixels to the right for each pixel down from the middle.
        down: pixels down for each pixel to the right.
        to_right: pixels that all are moved to the right.
        to_foot: and down.
    """
    one = 0 * across + 1
    return _map(one, -across, -to_right, -down, one, -to_foot)


def warped(
    images: tf.Tensor, maps: tf.Tensor, interpolation: str, fill: str, fill_value: float
) -> tf.Tensor:
    """The images as the maps say; see the module.

    Args:
        images: float32 or uint8 [b, h, w, c].
        maps: float32 [b, 3, 3].
        interpolation: one of `INTERPOLATIONS`.
        fill: one of `WARP_FILLS`; see `ingest.augment.image.fill.FILLS`.
        fill_value: of a constant.
    """
    import tensorflow as tf

    height, width = images.shape[1:3]
    x, y = (width - 1) / 2, (height - 1) / 2
    a, b, c = (maps[:, 0, at] for at in range(3))
    d, e, f = (maps[:, 1, at] for at in range(3))
    none = 0 * a
    numbers = [a, b, c + x - a * x - b * y, d, e, f + y - d * x - e * y, none, none]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(numbers, 1),
        output_shape=(height, width),
        interpolation=interpolation.upper(),
        fill_mode=fill.upper(),
        fill_value=fill_value,
    )


def _map(*six: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    none = 0 * six[0]
    return tf.reshape(tf.stack([*six, none, none, none + 1], 1), (-1, 3, 3))
