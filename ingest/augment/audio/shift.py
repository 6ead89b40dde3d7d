"""Sound that begins earlier or later."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ingest.augment.audio.waves import wave_feature
from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.parameters import expect, expect_number, expect_word
from ingest.augment.random import integers
from ingest.errors import AugmentError

__all__ = ["TimeShift"]


@dataclass(frozen=True)
class TimeShift:
    """Moves a wave in time, by a number of whole samples that is drawn for each row.

    All shifts from `-shift` to `shift` are equally likely; one above 0 makes the sound come later.

    Attributes:
        feature: float32 [b, n].
        shift: the furthest, either way, in `unit`; 0 changes nothing.
        unit: "share" of the wave (0 to 1), or "seconds".
        rate: samples a second; needed for seconds, and for nothing else.
        roll: what leaves at one end comes in at the other; else zeros come in.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    shift: float = 0.1
    unit: Literal["share", "seconds"] = "share"
    rate: float | None = None
    roll: bool = False

    def __post_init__(self) -> None:
        place = "augment.time_shift"
        expect_word(f"{place}.unit", self.unit, ("share", "seconds"))
        text = 'a share of the wave (or unit = "seconds")' if self.unit == "share" else "seconds"
        most = 1 if self.unit == "share" else 1e6
        expect_number(f"{place}.shift", self.shift, 0, most, text)
        expect(isinstance(self.roll, bool), f"{place}.roll", "true or false", self.roll)
        if self.unit == "seconds":
            expect_number(f"{place}.rate", self.rate, 1e-6, 1e9, "samples a second")
        else:
            expect(
                self.rate is None, f"{place}.rate", 'no rate without unit = "seconds"', self.rate
            )

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such wave, or it is shorter than the shift.
        """
        feature = wave_feature("time_shift", context, self.feature)
        samples, most = feature.samples, self._samples(feature.samples)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            shifts = tf.cast(integers(batch.seeds, 0, 2 * most + 1), tf.int32) - most
            sources = tf.range(samples)[None] - shifts[:, None]
            wave = batch.features[self.feature]
            moved = tf.gather(wave, tf.math.floormod(sources, samples), axis=1, batch_dims=1)
            if not self.roll:
                moved = tf.where((sources >= 0) & (sources < samples), moved, 0.0)
            return feature.changed(batch, moved)

        return transform

    def _samples(self, samples: int) -> int:
        scale = samples if self.unit == "share" else float(self.rate or 0)
        most = math.floor(self.shift * scale + 1e-6)
        if most > samples:
            raise AugmentError(
                f'augment.time_shift.shift: expected at most the length of "{self.feature}",'
                f" {samples / scale:g} s, got {self.shift:g} s"
            )
        return most
