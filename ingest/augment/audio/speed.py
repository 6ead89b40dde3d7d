"""Sound that is played faster or slower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.augment.audio.interpolation import cubic, linear, played, sinc
from ingest.augment.audio.waves import wave_feature
from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.parameters import expect_pair, expect_word
from ingest.augment.random import uniform

__all__ = ["Speed"]

WAYS = ("cubic", "linear", "sinc")


@dataclass(frozen=True)
class Speed:
    """Plays a wave faster or slower, by a factor that is drawn for each row, evenly.

    Speed perturbation [Ko et al. 2015]: the pitch changes with the speed, as on a tape. What is in
    the middle stays there; a faster wave has zeros at both ends, a slower one is cut at both.

    Attributes:
        feature: float32 [b, n].
        factor: [smallest, largest]; 2 is twice as fast and an octave higher, 1 changes nothing.
        interpolation: between samples: "cubic" [Keys 1981], from 4 of them; "linear", from 2,
            which takes more from high tones; or "sinc", from 16, which is the slowest, keeps high
            tones, and filters out those that a factor above 1 lifts beyond half the rate: the
            others let these come back as lower ones.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    factor: Sequence[float] = (0.9, 1.1)
    interpolation: Literal["cubic", "linear", "sinc"] = "cubic"

    def __post_init__(self) -> None:
        place = "augment.speed"
        expect_pair(f"{place}.factor", self.factor, 0.1, 10)
        expect_word(f"{place}.interpolation", self.interpolation, WAYS)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there is no such wave.
        """
        feature = wave_feature("speed", context, self.feature)
        simple = {"cubic": cubic, "linear": linear}
        weigh = simple.get(self.interpolation) or sinc(self.factor[1])

        def transform(batch: TrainingBatch) -> TrainingBatch:
            factors = uniform(batch.seeds, 0, (), *self.factor)
            waves = played(batch.features[self.feature], factors, weigh)
            return feature.changed(batch, waves)

        return transform
