"""What the steps of a round hand to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest import Statistics, Vocabularies, Window
from millstream.plan import Plan
from millstream.round_store import RoundFolder

if TYPE_CHECKING:
    from trainer import TrainReport

__all__ = ["Trained", "Turn"]


@dataclass(frozen=True)
class Turn:
    """What steps 3 to 5 hand to each other."""

    folder: RoundFolder
    parent: RoundFolder
    plan: Plan
    window: Window
    vocabularies: Vocabularies


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
