"""What augmentations of sound share: checks of parameters and features, sums of rows, decibels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ingest.augment.augmentation import Context, TrainingBatch
from ingest.augment.elementwise import elementwise
from ingest.errors import AugmentError, SettingsError

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = [
    "amplitude",
    "expect",
    "expect_number",
    "expect_span",
    "row_sums",
    "wave_samples",
    "with_feature",
]


def expect(holds: bool, place: str, expected: str, got: object) -> None:
    """Refuse a parameter.

    Args:
        holds: whether the parameter is right.
        place: such as `augment.gain.db`.
        expected: what is right, in words.
        got: what was given.

    Raises:
        SettingsError: it is not right.
    """
    if not holds:
        raise SettingsError(f"{place}: expected {expected}, got {got!r}")


def expect_number(place: str, value: object, low: float, high: float, expected: str) -> None:
    """Refuse what is no finite number from `low` to `high`; see `expect`."""
    expect(_is_number(value) and low <= value <= high, place, expected, value)  # type: ignore[operator]


def expect_span(place: str, value: object, low: float, high: float, expected: str) -> None:
    """Refuse what is not [smallest, largest], both from `low` to `high`; see `expect`."""
    pair = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    holds = len(pair) == 2 and all(map(_is_number, pair)) and low <= pair[0] <= pair[1] <= high
    expect(holds, place, f"[smallest, largest], {expected}", value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def wave_samples(context: Context, kind: str, feature: str) -> int:
    """How many samples a wave has.

    Args:
        context: of the round.
        kind: of the step, for the text of the error.
        feature: float32 [n, samples].

    Raises:
        AugmentError: there is no such feature, or it is no wave.
    """
    column = context.features.get(feature)
    if column is None:
        names = ", ".join(sorted(context.features))
        raise AugmentError(f'augment.{kind}: there is no feature "{feature}"; there is: {names}')
    if not (isinstance(column, np.ndarray) and column.dtype == np.float32 and column.ndim == 2):
        raise AugmentError(
            f'augment.{kind}: feature "{feature}": expected a wave, float32 [rows, samples], got'
            f" {column.dtype} {list(getattr(column, 'shape', []))}; declare it in the schema as"
            ' dtype = "float32" with length = its samples'
        )
    return int(column.shape[1])


def with_feature(batch: TrainingBatch, feature: str, value: tf.Tensor) -> TrainingBatch:
    """The batch, with another value of one feature."""
    return replace(batch, features={**batch.features, feature: value})


def row_sums(values: tf.Tensor) -> tf.Tensor:
    """float32 [b]: the sum of each row of [b, n], by halves.

    `tf.reduce_sum` adds up a single row in another order than several, and so rounds otherwise.
    """
    import tensorflow as tf

    size = 1 << max(int(values.shape[1]) - 1, 0).bit_length()
    values = tf.pad(values, [[0, 0], [0, size - int(values.shape[1])]])
    while size > 1:
        size //= 2
        values = values[:, :size] + values[:, size:]
    return values[:, 0]


def amplitude(decibels: tf.Tensor) -> tf.Tensor:
    """What to multiply samples by, for so many dB more: 10 ** (decibels / 20), float32 [b]."""
    import tensorflow as tf

    return elementwise(tf.exp, decibels * (math.log(10) / 20))
