"""The feature that holds images: its shape, its range, and how it is read and written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.augment.augmentation import Context, TrainingBatch
from ingest.augment.parameters import expect
from ingest.errors import AugmentError

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

__all__ = ["ImageFeature", "check_range", "check_shape", "image_feature"]

RANGES = {"float32": (0.0, 1.0), "uint8": (0.0, 255.0)}
"""The values of an image, by dtype, where none are given."""
LOOKED_AT = 1024
"""Rows whose values are compared with the range."""
MOST_OUTSIDE = 0.1
"""A share of values; more than a few outliers of a stream, less than another scale would give."""


@dataclass(frozen=True)
class ImageFeature:
    """One feature with images, as `image_feature` found it.

    Attributes:
        name: of the feature.
        height: of an image, in pixels.
        width: in pixels.
        channels: 1 for grey, 3 for colours.
        low: the value of black.
        high: the value of white.
    """

    name: str
    height: int
    width: int
    channels: int
    low: float
    high: float

    def pixels(self, batch: TrainingBatch) -> tf.Tensor:
        """[b, height, width, channels], in the dtype of the feature."""
        import tensorflow as tf

        return tf.reshape(batch.features[self.name], (-1, self.height, self.width, self.channels))

    def numbers(self, batch: TrainingBatch) -> tf.Tensor:
        """float32 [b, height, width, channels], in the range of the feature."""
        import tensorflow as tf

        return tf.cast(self.pixels(batch), tf.float32)

    def clipped(self, images: tf.Tensor) -> tf.Tensor:
        """The images, no value below black or above white."""
        import tensorflow as tf

        return tf.clip_by_value(images, self.low, self.high)

    def changed(self, batch: TrainingBatch, images: tf.Tensor) -> TrainingBatch:
        """The batch with other images, in the dtype and shape of the feature; bytes are rounded."""
        import tensorflow as tf

        given = batch.features[self.name]
        if images.dtype != given.dtype:
            images = tf.saturate_cast(tf.round(images), given.dtype)
        images = tf.reshape(images, (-1, *given.shape[1:]))
        return replace(batch, features={**batch.features, self.name: images})


def check_shape(kind: str, shape: Sequence[int] | None) -> None:
    """Refuse a parameter `shape` that is not [height, width] or [height, width, channels].

    Raises:
        SettingsError: it is not.
    """
    if shape is None:
        return
    listed = list(shape) if isinstance(shape, Sequence) and not isinstance(shape, str) else []
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in listed)
    holds = len(listed) in (2, 3) and whole and min(listed) >= 1
    text = "[height, width] or [height, width, channels], each from 1"
    expect(holds, f"augment.{kind}.shape", text, shape)


def check_range(kind: str, range: Sequence[float] | None) -> None:
    """Refuse a parameter `range` that is not [black, white].

    Raises:
        SettingsError: it is not.
    """
    if range is None:
        return
    listed = list(range) if isinstance(range, Sequence) and not isinstance(range, str) else []
    numbers = all(isinstance(n, int | float) and not isinstance(n, bool) for n in listed)
    holds = len(listed) == 2 and numbers and -math.inf < listed[0] < listed[1] < math.inf
    expect(holds, f"augment.{kind}.range", "[black, white], two rising numbers", range)


def image_feature(
    kind: str,
    context: Context,
    name: str,
    shape: Sequence[int] | None,
    range: Sequence[float] | None = None,
) -> ImageFeature:
    """The feature of a name, which must hold images: float32 or uint8.

    Args:
        kind: of the step, for the texts of errors.
        context: of the round.
        name: of the feature: [n, height, width, channels], [n, height, width], or flat with a
            shape.
        shape: of an image, [height, width] or [height, width, channels]; None if the feature has
            it.
        range: [black, white]; None for the field's minimum and maximum, if the schema has both,
            else [0, 1], or [0, 255] if the feature is uint8.

    Raises:
        AugmentError: there is no such feature, or it holds no images of that shape and range.
    """
    place = f"augment.{kind}"
    column = context.features.get(name)
    if column is None:
        names = ", ".join(sorted(context.features))
        raise AugmentError(f'{place}: there is no feature "{name}"; there is: {names}')
    if not isinstance(column, np.ndarray) or str(column.dtype) not in RANGES:
        raise AugmentError(
            f'{place}: feature "{name}": expected images, float32 or uint8, got {column.dtype};'
            ' declare it in the schema as dtype = "float32"'
        )
    height, width, channels = _sides(place, name, column, shape)
    low, high = range or _bounds(context, name) or RANGES[str(column.dtype)]
    found = ImageFeature(name, height, width, channels, float(low), float(high))
    if range is None and str(column.dtype) != "uint8":
        _check_values(place, found, column)
    return found


def _bounds(context: Context, name: str) -> tuple[float, float] | None:
    """The field's own minimum and maximum."""
    for field in context.schema.features:
        low, high = field.bounds
        if field.name == name and low is not None and high is not None and low < high:
            return low, high
    return None


def _sides(
    place: str, name: str, column: NDArray[Any], shape: Sequence[int] | None
) -> tuple[int, int, int]:
    of_row = list(column.shape[1:])
    wanted = list(shape) if shape is not None else of_row if len(of_row) in (2, 3) else None
    if wanted is None:
        raise AugmentError(
            f'{place}: feature "{name}": expected images [rows, height, width, channels], got'
            f" [rows, {', '.join(map(str, of_row))}]; say what a row is: shape = [height, width,"
            " channels]"
        )
    fits = wanted == of_row if len(of_row) > 1 else math.prod(wanted) == math.prod(of_row)
    if not fits and [*of_row, 1] != wanted and of_row != [*wanted, 1]:
        raise AugmentError(
            f'{place}: feature "{name}": expected rows of shape {wanted}, {math.prod(wanted)}'
            f" numbers, got {of_row}; change {place}.shape"
        )
    height, width, *channels = wanted
    return height, width, channels[0] if channels else 1


def _check_values(place: str, found: ImageFeature, column: NDArray[Any]) -> None:
    """Images of another range would come out black or white: that is better said."""
    seen = column[:LOOKED_AT]
    outside = (seen < found.low) | (seen > found.high)
    if seen.size and outside.mean() > MOST_OUTSIDE:
        raise AugmentError(
            f'{place}: feature "{found.name}": expected values from {found.low:g} to'
            f" {found.high:g}, got {seen.min():g} to {seen.max():g}; give {place}.range ="
            " [black, white]"
        )
