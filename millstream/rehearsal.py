"""How much of the history a round learns again: more while what was known is being forgotten.

Each round scores the learner on the old holdout: rows of all that came before, of which none was
ever trained on. If that score is worse than its best, the next round recalls more of the history;
once it is not, the rounds slowly recall less again. All of it is a function of the parent's report
alone, so a round that is begun again after a kill recalls the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from millstream.config.sample import HistoryConfig

__all__ = ["Rehearsal"]

TOLERANCE = 0.02  # of scores whose best is 1; of errors, as a part of the best one
GROWTH = 1.5
FIRST = 0.1  # what a ratio of less than that grows to
RETURN = 0.1
FADE = 0.05


@dataclass(frozen=True)
class Rehearsal:
    """What the rounds know about forgetting.

    Attributes:
        metric: what is scored.
        ratio: rows of the history for each row of the window, in the round.
        score: of the learner on the old holdout, before the round; None if it was not scored.
        best: the best score so far. It fades towards those of now, as a stream that has become
            harder is not one that was forgotten.
    """

    metric: str
    ratio: float
    score: float | None = None
    best: float | None = None

    @classmethod
    def after(cls, report: Mapping[str, Any], settings: HistoryConfig, metric: str) -> Rehearsal:
        """What a round begins with, before it has its own score.

        Args:
            report: of its parent.
            settings: in force.
            metric: the metric of the gate.
        """
        known = report.get("history")
        if known is None or known["metric"] != metric:
            return cls(metric, settings.ratio)
        before = cls(metric, known["ratio"], known["score"], known["best"])
        return cls(metric, before.next_ratio(settings), None, before.best)

    def scored(self, score: float | None) -> Rehearsal:
        """With the round's score on the old holdout."""
        if score is None:
            return self
        best = score if self.best is None or self._is_better(score, self.best) else self.best
        return replace(self, score=score, best=best + FADE * (score - best))

    def next_ratio(self, settings: HistoryConfig) -> float:
        """The ratio of the round after this one, within what the settings allow."""
        least, most = settings.ratio, settings.most_ratio
        if most is None:
            return least
        wanted = self.ratio - RETURN * (self.ratio - least)
        if self.is_forgetting():
            wanted = max(GROWTH * self.ratio, FIRST)
        return min(max(wanted, least), most)

    def is_forgetting(self) -> bool:
        """Whether the score is worse than the best one by more than chance."""
        if self.score is None or self.best is None:
            return False
        worse = abs(self.score - self.best)
        bound = TOLERANCE if self._more_is_better() else TOLERANCE * abs(self.best)
        return self._is_better(self.best, self.score) and worse > bound

    def to_json(self) -> dict[str, Any]:
        """A plain form, for the round's report."""
        return asdict(self)

    def _more_is_better(self) -> bool:
        import trainer

        return trainer.higher_is_better(self.metric)

    def _is_better(self, one: float, other: float) -> bool:
        return one > other if self._more_is_better() else one < other
