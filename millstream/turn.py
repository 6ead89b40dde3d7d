"""What the steps of a round hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingest import Statistics, Vocabularies, Window
from millstream.drift.drift import Watched
from millstream.rounds.plan import Plan
from millstream.rounds.store import RoundFolder
from millstream.watch.seconds import Seconds

if TYPE_CHECKING:
    from trainer import TrainReport

__all__ = ["Trained", "Turn"]


@dataclass(frozen=True)
class Turn:
    """What steps 3 to 5 hand to each other.

    Attributes:
        folder: of the round.
        parent: the round before.
        plan: of the round.
        window: its records, with codes for words.
        vocabularies: that gave the codes.
        drift: what was found of it; None if nothing is watched, and in a replay.
        seconds: what its parts took so far.
    """

    folder: RoundFolder
    parent: RoundFolder
    plan: Plan
    window: Window
    vocabularies: Vocabularies
    drift: Watched | None = None
    seconds: Seconds = field(default_factory=Seconds)


@dataclass(frozen=True)
class Trained:
    """What step 4 came to: the learner has its weights.

    Attributes:
        report: of the training.
        statistics: of the features; the parent's if the round left its weights.
    """

    report: TrainReport
    statistics: Statistics

    @property
    def learned(self) -> bool:
        """Whether the window was learned; else all that is known is what the parent knew."""
        return self.report.diverged is None
