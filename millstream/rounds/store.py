"""The round store: a folder per round, complete when its marker `DONE` is there.

    rounds/000042/plan.json       written before training: offset ranges, seed, parent
    rounds/000042/weights.npz     the learner after the round: model, optimizer, random state
    rounds/000042/test.arrow      the test half of the holdout, for gate and publication
    rounds/000042/vocabulary.json  the words of growing vocabularies, if there are any
    rounds/000042/statistics.json  of the features of all rows so far
    rounds/000042/history.json    of what the histories consist after the round, if any are kept
    rounds/000042/drift.npz       what drift detection goes on with, if anything is watched
    rounds/000042/report.json     counts, losses, scores; the baselines' state
    rounds/000042/DONE            written last, with fsync; without it the round did not happen. It
                                  has the digest of each file above, and of the DONE before it
    rounds/000042/published.json  what the registry made of it

Each file has a format number: of its own (plan, statistics, weights, rows), or that of
`RoundFolder`. The ranges of the complete rounds tile the topics: each begins where its parent
ended.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ingest import Position
from millstream.durable import make_folder, write_json
from millstream.errors import RoundStoreError
from millstream.rounds.folder import HEAVY, RoundFolder
from millstream.rounds.plan import Plan

__all__ = ["RoundFolder", "RoundStore"]

REMEMBERED = 100
"""Rounds whose plans stay in memory; a service that lives for years has hundreds of thousands."""


class RoundStore:
    """All rounds of one state folder. One process writes (see `state_lock`); any may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Path, RoundFolder] = {}  # the newest remember their plans

    def folder(self, number: int) -> RoundFolder:
        """The folder of a round, which need not exist."""
        return RoundFolder(self._folder / f"{number:06d}")

    def found(self) -> list[RoundFolder]:
        """The rounds that happened and are there, oldest first; for those who only look."""
        found = [path for path in self._folder.glob("[0-9]*") if path.name.isdecimal()]
        found = sorted(found, key=lambda path: int(path.name))
        rounds = [self._known.setdefault(path, RoundFolder(path)) for path in found]
        for folder in rounds[:-REMEMBERED]:
            folder.forget_plan()
        return [folder for folder in rounds if folder.done]

    def complete(self) -> list[RoundFolder]:
        """The rounds that happened, oldest first.

        Raises:
            RoundStoreError: a number is missing.
        """
        rounds = self.found()
        for expected, folder in enumerate(rounds):
            if folder.number != expected:
                raise RoundStoreError(
                    f"{self._folder}: expected round {expected}, got {folder.number};"
                    " a folder was removed by hand: restore it"
                )
        return rounds

    def latest(self) -> RoundFolder | None:
        """The last round that happened, if any."""
        rounds = self.complete()
        return rounds[-1] if rounds else None

    def check_chain(self) -> None:
        """Check that each round follows the one before it, and begins where that ended.

        Of the last round, and of those that are still to be published, every file is checked.

        Raises:
            RoundStoreError: a round does not follow, or a file is missing, damaged or foreign.
        """
        before: RoundFolder | None = None
        rounds = self.complete()
        for folder in rounds:
            check_follows(folder.plan(), before.plan().end if before else None)
            if before is not None:
                folder.check_parent(before)
            if folder is rounds[-1] or not folder.is_published:
                folder.check()
            before = folder

    def begin(self, plan: Plan) -> RoundFolder:
        """Write a plan durably; what an unfinished attempt at this round left is removed.

        Raises:
            RoundStoreError: the plan does not begin where its parent ended.
        """
        folder = self.folder(plan.round)
        if plan.parent is not None:
            check_follows(plan, self.folder(plan.parent).plan().end)
        if folder.path.exists():
            shutil.rmtree(folder.path)
        make_folder(folder.path)
        write_json(folder.path / "plan.json", plan.to_json())
        return folder

    def prune(self, keep: int, needed: set[int]) -> list[int]:
        """Remove weights and rows of old rounds; plans, reports and markers stay for ever.

        Args:
            keep: how many of the newest rounds stay whole.
            needed: rounds that a registered version was made in. They, those that are still to be
                published, and the parents of both stay whole: each version can be replayed.

        Returns:
            The numbers of the rounds that were pruned now.
        """
        rounds = self.complete()
        needed = needed | {folder.number for folder in rounds if not folder.is_published}
        kept = needed | {number - 1 for number in needed}
        pruned = []
        for folder in rounds[: max(0, len(rounds) - keep)]:
            # The weights go first; what a kill left of the others goes with the next call.
            heavy = [path for name in HEAVY if (path := folder.path / name).exists()]
            if heavy and folder.number not in kept:
                for path in heavy:
                    path.unlink()
                pruned.append(folder.number)
        return pruned


def check_follows(plan: Plan, end: Position | None) -> None:
    """Check that a plan begins at `end`; partitions that are new begin where they may.

    Raises:
        RoundStoreError: it does not.
    """
    if end is not None and any(plan.start.get(t, p) != offset for t, p, offset in end.items()):
        raise RoundStoreError(
            f"round {plan.round}: expected a range that starts at {end}, where the round before"
            f" ended; got {plan.start}"
        )
