"""Spectrograms with stretches of time, or bands of frequency, left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.parameters import expect, expect_number, expect_whole
from ingest.augment.random import integers
from ingest.augment.row_sums import row_sums
from ingest.errors import AugmentError

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["FrequencyMask", "TimeMask"]

DRAWN = 2**31
"""How many different numbers a start is drawn from."""


@dataclass(frozen=True)
class TimeMask:
    """Masks stretches of a spectrogram's time, drawn for each row: SpecAugment [Park et al. 2019].

    A mask's width is drawn evenly from 0 up to below `width` frames, then its first frame from
    those where it would end before the last frame, which is never masked: so do the paper, with
    intervals that are open at their ends, and `tfio.audio.time_mask`. Masks may overlap. The
    defaults are the paper's policy for Switchboard; it has no time warp here.

    Attributes:
        feature: float32 [b, t, f], or [b, t * f] with `shape`.
        width: of a mask, in frames, not included; 1 changes nothing.
        masks: how many.
        share: of the frames, that `width` is cut to.
        fill: what is put in, or "mean", of the row; 0 is the mean of a normalised spectrogram.
        shape: [t, f] of a flat feature.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    width: int = 70
    masks: int = 2
    share: float = 0.2
    fill: float | Literal["mean"] = 0.0
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        _check("augment.time_mask", self)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such spectrogram, or it has too few frames to mask.
        """
        return _bind("time_mask", self, context, axis=0)


@dataclass(frozen=True)
class FrequencyMask:
    """Masks bands of a spectrogram's frequencies, drawn for each row, else as `TimeMask` does.

    Attributes:
        feature: float32 [b, t, f], or [b, t * f] with `shape`.
        width: of a mask, in bins of frequency, not included; 1 changes nothing.
        masks: how many.
        share: of the bins, that `width` is cut to; 0.2 of the paper's 80 bins cuts nothing.
        fill: what is put in, or "mean", of the row.
        shape: [t, f] of a flat feature.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    width: int = 15
    masks: int = 2
    share: float = 0.2
    fill: float | Literal["mean"] = 0.0
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        _check("augment.frequency_mask", self)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such spectrogram, or it has too few bins to mask.
        """
        return _bind("frequency_mask", self, context, axis=1)


def _check(place: str, given: TimeMask | FrequencyMask) -> None:
    for name, value in (("width", given.width), ("masks", given.masks)):
        expect_whole(f"{place}.{name}", value, 1, 10**6)
    expect_number(f"{place}.share", given.share, 1e-6, 1)
    if given.fill != "mean":
        expect_number(f"{place}.fill", given.fill, -1e30, 1e30, 'or "mean"')
    if given.shape is not None:
        right = isinstance(given.shape, Sequence) and len(given.shape) == 2
        right = right and all(isinstance(side, int) and side > 0 for side in given.shape)
        expect(right, f"{place}.shape", "[frames, bins], both from 1", given.shape)


def _bind(kind: str, given: TimeMask | FrequencyMask, context: Context, axis: int) -> Transform:
    shape = _shape(kind, given, context)
    size = shape[axis]
    width = min(given.width, int(given.share * size + 1e-6))
    if width < min(given.width, 2):
        raise AugmentError(
            f"augment.{kind}.share: {given.share:g} of {size} leaves nothing to mask; expected a"
            f" share of at least {min(2 / size, 1):.2g}"
        )

    def transform(batch: TrainingBatch) -> TrainingBatch:
        import tensorflow as tf

        column = batch.features[given.feature]
        masked = _masked(batch.seeds, (given.masks, size, width))
        masked = masked[:, :, None] if axis == 0 else masked[:, None, :]
        filled = tf.where(masked, _fill(given, column), tf.reshape(column, (-1, *shape)))
        filled = tf.reshape(filled, (-1, *column.shape[1:]))
        return replace(batch, features={**batch.features, given.feature: filled})

    return transform


def _masked(seeds: tf.Tensor, drawn: tuple[int, int, int]) -> tf.Tensor:
    """Bool [b, size]: under at least one of the masks."""
    import tensorflow as tf

    masks, size, width = drawn
    widths = integers(seeds, 0, width, (masks,))
    starts = integers(seeds, 1, DRAWN, (masks,)) * (size - widths) // DRAWN
    places = tf.range(size, dtype=tf.int64)[None, None]
    within = (places >= starts[..., None]) & (places < (starts + widths)[..., None])
    return tf.reduce_any(within, axis=1)


def _fill(given: TimeMask | FrequencyMask, column: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    if given.fill != "mean":
        return tf.constant(given.fill, tf.float32)
    flat = tf.reshape(column, (-1, int(np.prod(column.shape[1:]))))
    # TensorFlow turns a quotient by a constant into a product in graphs, and so rounds otherwise.
    return (row_sums(flat) * (1 / flat.shape[1]))[:, None, None]


def _shape(kind: str, given: TimeMask | FrequencyMask, context: Context) -> tuple[int, int]:
    column = context.features.get(given.feature)
    if column is None:
        names = ", ".join(sorted(context.features))
        raise AugmentError(
            f'augment.{kind}: there is no feature "{given.feature}"; there is: {names}'
        )
    found = tuple(getattr(column, "shape", ()))[1:]
    if isinstance(column, np.ndarray) and column.dtype == np.float32:
        if len(found) == 2 and (given.shape is None or tuple(given.shape) == found):
            return int(found[0]), int(found[1])
        if len(found) == 1 and given.shape and given.shape[0] * given.shape[1] == found[0]:
            return given.shape[0], given.shape[1]
    raise AugmentError(
        f'augment.{kind}: feature "{given.feature}": expected a spectrogram, float32'
        f" [rows, frames, bins], or [rows, frames * bins] and shape = [frames, bins]; got"
        f" {column.dtype} {['rows', *found]} and shape = {given.shape}"
    )
