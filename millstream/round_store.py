"""The round store: a folder per round, complete when its marker `DONE` is there.

    rounds/000042/plan.json       written before training: offset ranges, seed, parent
    rounds/000042/weights.npz     the learner after the round: model, optimizer, random state
    rounds/000042/test.arrow      the test half of the holdout, for gate and publication
    rounds/000042/vocabulary.json  the words of growing vocabularies, if there are any
    rounds/000042/statistics.json  of the features of all rows so far
    rounds/000042/history.json    of what the histories consist after the round, if any are kept
    rounds/000042/report.json     counts, losses, scores; the baselines' state
    rounds/000042/DONE            written last, with fsync; without it the round did not happen
    rounds/000042/published.json  what the registry made of it

The ranges of the complete rounds tile the topics: each begins where its parent ended.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ingest import IngestError, Position
from millstream.durable import make_folder, read_json, write_bytes, write_json
from millstream.errors import RoundStoreError
from millstream.plan import Plan

__all__ = ["RoundFolder", "RoundStore"]

HEAVY = ("weights.npz", "test.arrow", "vocabulary.json", "statistics.json", "history.json")


class RoundFolder:
    """The files of one round."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.weights = path / "weights.npz"
        self.test_rows = path / "test.arrow"

    @property
    def number(self) -> int:
        """The round's number."""
        return int(self.path.name)

    @property
    def done(self) -> bool:
        """Whether the round happened."""
        return (self.path / "DONE").exists()

    @property
    def pruned(self) -> bool:
        """Whether the round's weights were removed; its plan and report stay."""
        return self.done and not self.weights.exists()

    def plan(self) -> Plan:
        """The round's plan."""
        try:
            return Plan.from_json(self._read("plan.json"))
        except (KeyError, TypeError, IngestError) as error:
            raise RoundStoreError(
                f"{self.path / 'plan.json'}: expected a plan, got one without {error};"
                " restore the folder from a backup, or use another service.state_dir"
            ) from error

    def report(self) -> dict[str, Any]:
        """Counts, losses and scores of the round."""
        return dict(self._read("report.json"))

    def write_report(self, report: dict[str, Any]) -> None:
        """Store the report durably."""
        write_json(self.path / "report.json", report)

    def vocabulary(self) -> dict[str, Any]:
        """The words of the vocabularies that grow, as plain data."""
        return self._read("vocabulary.json")

    def write_vocabulary(self, words: dict[str, Any]) -> None:
        """Store the words durably."""
        write_json(self.path / "vocabulary.json", words)

    def statistics(self) -> dict[str, Any] | None:
        """Those of the features, as plain data; None for a round that knew of none.

        Round 0 and those of older versions are such rounds; the reports of others tell of them.
        """
        return self._read("statistics.json") if "statistics" in self.report() else None

    def write_statistics(self, statistics: dict[str, Any]) -> None:
        """Store the statistics durably."""
        write_json(self.path / "statistics.json", statistics)

    def history(self) -> dict[str, Any] | None:
        """Of what the histories consist, by side; None after a round that kept none."""
        return self._read("history.json") if "history" in self.report() else None

    def write_history(self, history: dict[str, Any]) -> None:
        """Store durably of what the histories consist."""
        write_json(self.path / "history.json", history)

    def published(self) -> dict[str, Any] | None:
        """What publication came to, or None if it has not ended."""
        return self._read("published.json") if (self.path / "published.json").exists() else None

    def write_published(self, outcome: dict[str, Any]) -> None:
        """Note durably that publication has ended."""
        write_json(self.path / "published.json", outcome)

    def mark_done(self, digest: str) -> None:
        """Write the marker that makes the round real; everything else must be durable before."""
        write_bytes(self.path / "DONE", digest.encode() + b"\n")

    def digest(self) -> str:
        """SHA-256 of the weights, as the marker recorded it."""
        return (self.path / "DONE").read_text(encoding="utf-8").strip()

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return dict(read_json(self.path / name))
        except (OSError, ValueError, TypeError) as error:
            raise RoundStoreError(
                f"{self.path / name}: expected a readable JSON object, got {error};"
                " restore the folder from a backup, or use another service.state_dir"
            ) from error


class RoundStore:
    """All rounds of one state folder. One process writes (see `state_lock`); any may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, number: int) -> RoundFolder:
        """The folder of a round, which need not exist."""
        return RoundFolder(self._folder / f"{number:06d}")

    def complete(self) -> list[RoundFolder]:
        """The rounds that happened, oldest first.

        Raises:
            RoundStoreError: a number is missing.
        """
        found = [path for path in self._folder.glob("[0-9]*") if path.name.isdecimal()]
        rounds = [RoundFolder(path) for path in sorted(found, key=lambda path: int(path.name))]
        rounds = [folder for folder in rounds if folder.done]
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
        """Check that each range begins where the one before it ended.

        Raises:
            RoundStoreError: one does not, or a plan cannot be read.
        """
        end: Position | None = None
        for folder in self.complete():
            plan = folder.plan()
            check_follows(plan, end)
            end = plan.end

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
            needed: rounds that a registered version was made in; they and their parents stay
                whole, so that each version can be replayed.

        Returns:
            The numbers of the rounds that were pruned now.
        """
        rounds = self.complete()
        kept = needed | {number - 1 for number in needed}
        pruned = []
        for folder in rounds[: max(0, len(rounds) - keep)]:
            if folder.number not in kept and not folder.pruned and folder.published() is not None:
                for name in HEAVY:
                    (folder.path / name).unlink(missing_ok=True)
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
