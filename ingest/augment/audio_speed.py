"""Sound that is played faster or slower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ingest.augment.audio_waves import expect_span, wave_feature
from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.parameters import expect_word
from ingest.augment.random import uniform

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["Speed"]

MARGIN = 4
"""Zeros before and behind a wave, as many as interpolation looks at."""


@dataclass(frozen=True)
class Speed:
    """Plays a wave faster or slower, by a factor that is drawn for each row, evenly.

    Speed perturbation [Ko et al. 2015]: the pitch changes with the speed, as on a tape. What is in
    the middle stays there; a faster wave has zeros at both ends, a slower one is cut at both.

    Attributes:
        feature: float32 [b, n].
        factor: [smallest, largest]; 2 is twice as fast and an octave higher, 1 changes nothing.
        interpolation: between samples: "cubic" [Keys 1981], from 4 of them, or "linear", from 2,
            which is faster and takes more from high tones. Neither filters: tones that a factor
            above 1 lifts beyond half the rate come back as lower ones.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    factor: Sequence[float] = (0.9, 1.1)
    interpolation: Literal["cubic", "linear"] = "cubic"

    def __post_init__(self) -> None:
        place = "augment.speed"
        expect_span(f"{place}.factor", self.factor, 0.1, 10, "from 0.1 to 10")
        expect_word(f"{place}.interpolation", self.interpolation, ("cubic", "linear"))

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such wave.
        """
        feature = wave_feature("speed", context, self.feature)
        weights = _cubic if self.interpolation == "cubic" else _linear

        def transform(batch: TrainingBatch) -> TrainingBatch:
            wave = batch.features[self.feature]
            firsts, fractions = _places(wave, uniform(batch.seeds, 0, (), *self.factor))
            return feature.changed(batch, _taps(wave, firsts, weights(fractions)))

        return transform


def _places(wave: tf.Tensor, factors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where each sample comes from: int32 [b, n] the sample before, float32 [b, n] how far behind.

    float64, because in a float32 the places of a long wave have few bits left for the fraction.
    """
    import tensorflow as tf

    samples = int(wave.shape[1])
    middle = (samples - 1) / 2
    steps = tf.range(samples, dtype=tf.float64) - middle
    places = middle + steps[None] * tf.cast(factors, tf.float64)[:, None]
    before = tf.floor(places)
    firsts = tf.clip_by_value(tf.cast(before, tf.int32), 1 - MARGIN, samples + MARGIN - 3)
    return firsts, tf.cast(places - before, tf.float32)


def _taps(wave: tf.Tensor, firsts: tf.Tensor, weights: dict[int, tf.Tensor]) -> tf.Tensor:
    """Samples around each place, weighed by how far they are; beyond the ends are zeros."""
    import tensorflow as tf

    padded = tf.pad(wave, [[0, 0], [MARGIN, MARGIN]])
    parts = [
        weight * tf.gather(padded, firsts + (MARGIN + step), axis=1, batch_dims=1)
        for step, weight in weights.items()
    ]
    return sum(parts[1:], parts[0])


def _linear(fraction: tf.Tensor) -> dict[int, tf.Tensor]:
    return {0: 1 - fraction, 1: fraction}


def _cubic(fraction: tf.Tensor) -> dict[int, tf.Tensor]:
    x = fraction
    return {
        -1: ((1 - 0.5 * x) * x - 0.5) * x,
        0: (1.5 * x - 2.5) * x * x + 1,
        1: ((2 - 1.5 * x) * x + 0.5) * x,
        2: (0.5 * x - 0.5) * x * x,
    }
