"""Rows mixed with others, value by value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.parameters import expect_names, expect_number
from ingest.augment.partners import SHAPES, beta_quantiles, drawn_from, mixed, partners
from ingest.errors import AugmentError

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["MixUp"]

PARTNER, SHARE, LABEL, FIRST_FEATURE = range(4)
"""What a row's numbers are drawn for."""


@dataclass(frozen=True)
class MixUp:
    """Interpolates a row with another of the round [Zhang et al. 2018].

    A share is drawn from Beta(alpha, alpha); s is the larger of it and its rest, and x becomes
    s * x + (1 - s) * partner. The partner is any training row of the round, as it came; each is as
    likely, so that a mixture is as likely as in the paper, and yet each row keeps most of itself.

    A label that is a float is interpolated as well. One that is an integer, such as the code of a
    class, keeps its dtype, so that the model's compiled loss stays: it becomes the partner's with
    the probability 1 - s, and then the expected loss is that of the soft label. The same holds for
    features that are no floats; bytes of images are interpolated and rounded.

    Attributes:
        features: which are mixed; all if none is named. Those that are left out stay as they are.
        alpha: from 0.01 to 1000. Small: most rows stay nearly as they are; 1: all shares from 0.5
            to 1 are as likely; large: most are halves of two rows.

    Raises:
        SettingsError: a parameter is out of range.
    """

    features: Sequence[str] = ()
    alpha: float = 0.2

    def __post_init__(self) -> None:
        expect_names("augment.mixup.features", self.features)
        expect_number("augment.mixup.alpha", self.alpha, *SHAPES)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such feature, or no row to mix with.
        """
        import tensorflow as tf

        names = sorted(self.features or context.features)
        _check(context, names)
        others = {name: tf.constant(context.features[name]) for name in names}
        labels = tf.constant(context.label)
        quantiles = beta_quantiles(self.alpha)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            at = partners(batch.seeds, PARTNER, len(context.label))
            drawn = drawn_from(batch.seeds, SHARE, quantiles)
            share = tf.maximum(drawn, 1 - drawn)
            label = mixed(batch.label, tf.gather(labels, at), share, batch.seeds, LABEL)
            features = dict(batch.features)
            for number, name in enumerate(names):
                other = tf.gather(others[name], at)
                salt = FIRST_FEATURE + number
                features[name] = _feature(features[name], other, share, batch.seeds, salt)
            return replace(batch, features=features, label=label)

        return transform


def _check(context: Context, names: Sequence[str]) -> None:
    for name in names:
        if not isinstance(context.features.get(name), np.ndarray):
            fit = ", ".join(sorted(context.features))
            raise AugmentError(
                f'augment.mixup: there is no feature "{name}" to mix; there is: {fit}'
            )
    if not len(context.label):
        raise AugmentError("augment.mixup: expected rows to mix with, got a round without any")


def _feature(
    own: tf.Tensor, other: tf.Tensor, share: tf.Tensor, seeds: tf.Tensor, salt: int
) -> tf.Tensor:
    import tensorflow as tf

    if own.dtype != tf.uint8:
        return mixed(own, other, share, seeds, salt)
    numbers = mixed(tf.cast(own, tf.float32), tf.cast(other, tf.float32), share, seeds, salt)
    return tf.saturate_cast(tf.round(numbers), tf.uint8)
