"""Sound with noise on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.augment.audio.waves import amplitude, wave_feature
from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.parameters import expect_pair
from ingest.augment.random import normal, uniform
from ingest.augment.row_sums import row_sums

__all__ = ["WhiteNoise"]


@dataclass(frozen=True)
class WhiteNoise:
    """Adds white Gaussian noise to a wave, at a signal-to-noise ratio that is drawn for each row.

    The ratio is of the powers (mean squares) of the row and of the very noise that is added to it,
    drawn evenly in decibels, and met exactly. Silence stays silent.

    Attributes:
        feature: float32 [b, n].
        snr: [smallest, largest] signal-to-noise ratio in dB; 0 is noise as strong as the sound.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    snr: Sequence[float] = (5.0, 40.0)

    def __post_init__(self) -> None:
        text = "in dB; the larger, the less noise"
        expect_pair("augment.white_noise.snr", self.snr, -120, 120, text)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such wave.
        """
        feature = wave_feature("white_noise", context, self.feature)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            wave = batch.features[self.feature]
            noise = normal(batch.seeds, 0, (feature.samples,))
            powers = tf.math.divide_no_nan(row_sums(wave * wave), row_sums(noise * noise))
            strengths = tf.sqrt(powers) * amplitude(-uniform(batch.seeds, 1, (), *self.snr))
            return feature.changed(batch, wave + strengths[:, None] * noise)

        return transform
