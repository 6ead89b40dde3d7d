"""What augmentations of sound share: the feature that holds waves, and decibels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ingest.augment.augmentation import Context, TrainingBatch
from ingest.augment.elementwise import elementwise
from ingest.errors import AugmentError

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["Wave", "amplitude", "wave_feature"]


@dataclass(frozen=True)
class Wave:
    """One feature with waves, as `wave_feature` found it.

    Attributes:
        name: of the feature.
        samples: of a wave.
        low: the smallest sample that the schema allows, or None.
        high: the largest, or None.
    """

    name: str
    samples: int
    low: float | None
    high: float | None

    def changed(self, batch: TrainingBatch, waves: tf.Tensor) -> TrainingBatch:
        """The batch with other waves; samples beyond the schema's bounds become these."""
        import tensorflow as tf

        if self.low is not None:
            waves = tf.maximum(waves, self.low)
        if self.high is not None:
            waves = tf.minimum(waves, self.high)
        return replace(batch, features={**batch.features, self.name: waves})


def wave_feature(kind: str, context: Context, name: str) -> Wave:
    """The feature of a name, which must hold waves.

    Args:
        kind: of the step, for the texts of errors.
        context: of the round.
        name: of the feature: float32 [n, samples].

    Raises:
        AugmentError: there is no such feature, or it is no wave.
    """
    column = context.features.get(name)
    if column is None:
        names = ", ".join(sorted(context.features))
        raise AugmentError(f'augment.{kind}: there is no feature "{name}"; there is: {names}')
    if not (isinstance(column, np.ndarray) and column.dtype == np.float32 and column.ndim == 2):
        raise AugmentError(
            f'augment.{kind}: feature "{name}": expected a wave, float32 [rows, samples], got'
            f" {column.dtype} {list(getattr(column, 'shape', []))}; declare it in the schema as"
            ' dtype = "float32" with length = its samples'
        )
    bounds = [(f.minimum, f.maximum) for f in context.schema.fields if f.name == name]
    return Wave(name, int(column.shape[1]), *(bounds or [(None, None)])[0])


def amplitude(decibels: tf.Tensor) -> tf.Tensor:
    """What to multiply samples by, for so many dB more: 10 ** (decibels / 20), float32 [b]."""
    import tensorflow as tf

    return elementwise(tf.exp, decibels * (math.log(10) / 20))
