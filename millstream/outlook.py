"""What a trigger may look at, while the service waits for its next round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest import Intake
from millstream.drift.look import DriftLook
from millstream.pipeline import Pipeline
from millstream.request import Requests
from millstream.rounds.store import RoundFolder, RoundStore

if TYPE_CHECKING:
    import trainer

__all__ = ["Outlook", "past_rounds"]

FARTHEST = 20
"""Rounds that are read for each one that is wanted, however few of them can be compared."""


class Outlook:
    """The numbers that this process knows of its part of the records.

    Args:
        pipeline: the parts.
        intake: holds the records that wait.
    """

    def __init__(self, pipeline: Pipeline, intake: Intake) -> None:
        self._pipeline, self._intake = pipeline, intake
        self._requests = Requests(pipeline.config.state_dir)
        self._look = DriftLook(pipeline, intake)
        self._round = -1
        self._past: tuple[trainer.PastRound, ...] = ()

    def waiting(self, latest: RoundFolder) -> trainer.Waiting:
        """What waits now, for the round after `latest`; all workers ask at the same time."""
        import trainer

        records, seconds = self._intake.pending()
        cost = self._pipeline.config.trigger.cost
        if cost is not None and self._round != latest.number:
            self._past = past_rounds(
                self._pipeline.store, latest, cost.rounds, self._pipeline.config.metric
            )
            self._round = latest.number
        return trainer.Waiting(
            records=records,
            seconds=seconds,
            drift=self._look.found(latest),
            # One looks for all: a file that two remove could be the next request for one of them.
            by_hand=self._pipeline.is_chief and self._requests.is_open(),
            past=self._past,
        )

    def answered(self) -> None:
        """A round is over that took what waited: whoever asked for it by hand has it."""
        self._requests.answer()


def past_rounds(
    store: RoundStore, latest: RoundFolder, count: int, metric: str
) -> tuple[trainer.PastRound, ...]:
    """The last `count` rounds that have a score and were trained, oldest first.

    A chain of rounds without any is not read to its beginning.
    """
    import trainer

    found: list[trainer.PastRound] = []
    for number in range(latest.number, max(0, latest.number - FARTHEST * count), -1):
        report = store.folder(number).report()
        score = report["prequential"].get("learner", {}).get(metric)
        if score is not None and report["training"]["epochs"] > 0:
            past = trainer.PastRound(
                records=report["counts"]["seen"],
                score=score,
                seconds=report["training"]["seconds"],
            )
            found.append(past)
        if len(found) == count:
            break
    return tuple(reversed(found))
