"""Colours of images changed by arithmetic: one linear map of a pixel's channels a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.augment.elementwise import elementwise
from ingest.augment.image.feature import ImageFeature
from ingest.augment.row_sums import row_sums
from ingest.errors import AugmentError

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["hue_maps", "mapped", "mean_values", "require_colours", "saturation_maps"]

LUMA = (0.299, 0.587, 0.114)
"""What red, green and blue add to brightness [ITU-R BT.601]."""
YIQ = np.array([LUMA, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)])
"""From red, green and blue to brightness and two axes of colour [NTSC]."""
GREY = np.repeat(np.array(LUMA)[:, None], 3, 1)
"""[3, 3]: the map of a pixel to its brightness."""
COLOURS = 3


def require_colours(kind: str, feature: ImageFeature) -> None:
    """Refuse images without colours.

    Raises:
        AugmentError: there are not three channels.
    """
    if feature.channels != COLOURS:
        raise AugmentError(
            f'augment.{kind}: feature "{feature.name}": expected 3 channels (red, green, blue), got'
            f" {feature.channels}; leave this step out"
        )


def saturation_maps(factors: tf.Tensor) -> tf.Tensor:
    """[b, 3, 3]: what makes grey of colours at a factor of 0 and leaves them at 1, float32 [b]."""
    import tensorflow as tf

    grey, same = tf.constant(GREY, tf.float32), tf.eye(COLOURS)
    shares = factors[:, None, None]
    return shares * same + (1 - shares) * grey


def hue_maps(turns: tf.Tensor) -> tf.Tensor:
    """[b, 3, 3]: what turns colours about the axis of greys, keeping their brightness.

    Args:
        turns: float32 [b], as a share of the whole circle.
    """
    import tensorflow as tf

    back = np.linalg.inv(YIQ)
    quarter = YIQ.T @ np.array([[0, 0, 0], [0, 0, -1], [0, 1, 0]]) @ back.T
    colour = YIQ.T @ np.diag([0, 1, 1]) @ back.T
    angles = turns[:, None, None] * (2 * np.pi)
    # A sum from the identity, so that no turn is no change to the last bit.
    less = (elementwise(tf.cos, angles) - 1) * tf.constant(colour, tf.float32)
    return tf.eye(COLOURS) + less + elementwise(tf.sin, angles) * tf.constant(quarter, tf.float32)


def mapped(images: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
    """The images, each pixel multiplied by the map of its row.

    Args:
        images: float32 [b, h, w, 3].
        maps: float32 [b, 3, 3]; the channels of the outcome are the columns.
    """
    import tensorflow as tf

    height, width, channels = images.shape[1:]
    pixels = tf.reshape(images, (-1, height * width, channels))
    return tf.reshape(tf.matmul(pixels, maps), (-1, height, width, channels))


def mean_values(images: tf.Tensor) -> tf.Tensor:
    """float32 [b]: of all values of each image [b, h, w, c]."""
    import tensorflow as tf

    height, width, channels = images.shape[1:]
    # A single row would be added up in another order; so lines are, and then the few of an image.
    lines = tf.reduce_mean(tf.reshape(images, (-1, width * channels)), 1)
    return row_sums(tf.reshape(lines, (-1, height))) / height
