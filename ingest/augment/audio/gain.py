"""Sound that is louder or softer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.augment.audio.waves import amplitude, wave_feature
from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.parameters import expect_number, expect_pair
from ingest.augment.random import uniform

__all__ = ["Gain"]


@dataclass(frozen=True)
class Gain:
    """Multiplies a wave by a factor that is drawn for each row, evenly in decibels.

    Attributes:
        feature: float32 [b, n].
        db: [smallest, largest] gain in dB; 6 doubles a sample, -6 halves it, 0 leaves it.
        clip: samples beyond -clip and clip are cut, as a recorder does; None: they are not.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    db: Sequence[float] = (-6.0, 6.0)
    clip: float | None = None

    def __post_init__(self) -> None:
        expect_pair("augment.gain.db", self.db, -120, 120, "in dB")
        if self.clip is not None:
            expect_number("augment.gain.clip", self.clip, 1e-30, 1e30, "the largest sample")

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such wave.
        """
        feature = wave_feature("gain", context, self.feature)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            factors = amplitude(uniform(batch.seeds, 0, (), *self.db))
            louder = batch.features[self.feature] * factors[:, None]
            if self.clip is not None:
                louder = tf.clip_by_value(louder, -self.clip, self.clip)
            return feature.changed(batch, louder)

        return transform
