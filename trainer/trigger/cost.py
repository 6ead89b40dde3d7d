"""The cost-aware trigger: a round is due when what it is expected to gain is worth its seconds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.errors import SettingsError
from trainer.trigger.trigger import PastRound, Waiting

LEAST_ROUNDS = 3


@dataclass(frozen=True)
class CostTrigger:
    """Due when `expected_gain` is at least `price` times `expected_seconds`.

    Before three rounds with a score are known, rounds of `first_records` are due.

    Attributes:
        price: What a second of training has to gain, in the unit of the score (more than 0).
        first_records: Records of the first rounds (at least 1).
        rounds: So many of the last rounds are looked at (at least 3).
    """

    price: float
    first_records: int = 1000
    rounds: int = 5

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: One is out of its range.
        """
        _check("price", self.price > 0 and math.isfinite(self.price), "more than 0", self.price)
        _check("first_records", self.first_records >= 1, "at least 1", self.first_records)
        _check("rounds", self.rounds >= LEAST_ROUNDS, f"at least {LEAST_ROUNDS}", self.rounds)

    def due(self, waiting: Waiting) -> str | None:
        """Return the reason, or None."""
        if waiting.records < 1:
            return None
        known = [each for each in waiting.past if math.isfinite(each.score)][-self.rounds :]
        if len(known) < LEAST_ROUNDS:
            early = waiting.records >= self.first_records
            return f"{waiting.records} records, costs not known yet" if early else None
        gain, seconds = expected_gain(known, waiting.records), expected_seconds(known)
        if gain < self.price * seconds:
            return None
        return f"a gain of {gain:.4g} expected for {seconds:.2f} s"


def expected_gain(past: Sequence[PastRound], records: int) -> float:
    """Return how much the score is expected to move by `records` more, in the score's unit.

    It is |b| * records, b being the slope of the least-squares line of the scores of the past
    rounds (at least two) over the records that had been learned when each was taken. A score that
    rises says that training still helps, one that falls that the stream moves away from what was
    learned: both make what waits worth training on; a flat one does not.
    """
    learned = np.concatenate([[0.0], np.cumsum([float(each.records) for each in past[:-1]])])
    scores = np.array([each.score for each in past])
    away = learned - learned.mean()
    spread = float((away * away).sum())
    if spread == 0.0:
        return 0.0
    return abs(float((away * scores).sum()) / spread) * records


def expected_seconds(past: Sequence[PastRound]) -> float:
    """Return the median of what the past rounds took."""
    return float(np.median([each.seconds for each in past]))


def _check(name: str, fine: bool, expected: str, got: object) -> None:
    if not fine:
        place = f"trigger.cost.{name}"
        raise SettingsError(place, expected=expected, got=repr(got), mend="change it")
