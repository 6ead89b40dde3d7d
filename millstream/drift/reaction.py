"""What a round does because of a drift: decided before it trains, and part of its plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Reaction"]


@dataclass(frozen=True)
class Reaction:
    """All that a replay needs to do the same: nothing of the configuration decides any more.

    Attributes:
        why: what was found, as a phrase; of a round that goes on with it, what was found then.
        start: which weights the round starts from.
        start_round: the round that the champion was made in, if `start` is "champion".
        reset_learning_rate: whether learning rate and its schedule begin anew.
        reset_slots: whether what the optimizer remembers of gradients is forgotten, too.
        newest_ms: the timestamp of the window's newest record.
        half_life_ms: a row of the window that is older by this much weighs half; None for equal
            weights.
    """

    why: str
    start: Literal["parent", "champion", "scratch"] = "parent"
    start_round: int | None = None
    reset_learning_rate: bool = False
    reset_slots: bool = False
    newest_ms: int = 0
    half_life_ms: float | None = None

    def recency(self, timestamps: NDArray[np.int64]) -> NDArray[np.float64]:
        """What rows weigh by their age: more than 0 and at most 1, float64[n].

        Args:
            timestamps: milliseconds, [n]; a row without one (-1) weighs as the newest does.
        """
        if self.half_life_ms is None:
            return np.ones(len(timestamps))
        ages = np.where(timestamps < 0, 0, self.newest_ms - timestamps)
        return np.exp2(-np.clip(ages / self.half_life_ms, 0.0, 60.0))
