"""What all rounds of a state folder come to, read round by round and never twice.

Plans, reports and publications of rounds stay for ever, so the totals never fall, whoever adds them
up: not by a restart of the service, nor when the weights of old rounds are pruned.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from millstream.errors import RoundStoreError
from millstream.rounds.folder import RoundFolder
from millstream.rounds.unreadable import lost_round
from millstream.watch.verdict import parts_of

__all__ = ["RoundTotals", "Totals"]


@dataclass
class Totals:
    """Sums over rounds, and what is told of the newest ones.

    Attributes:
        rounds: that happened; `untrained` of them left the learner as it was.
        records: read; `sampled` were trained on, `unchecked` never decoded, `missing` deleted by
            the broker before they were read.
        kinds: records that were dead-lettered, by reason.
        drifts: rounds in which a drift was found.
        promoted: versions that were promoted; `refused` were not.
        refusals: versions in a row that were not promoted, up to the last one.
        promoted_ms: when the last one was, milliseconds since the epoch; None before the first.
        round_ms: when the last round was planned.
        seconds: of all rounds by part, without what contains others.
        report: the last round's; `published` what became of its model, once it is known.
        verdict: of the last round that was published (`millstream.watch.verdict`).
        version: what is noted of the last version; `champion` of the last one that was promoted.
        damaged: files of rounds that cannot be read; their rounds are left out.
    """

    rounds: int = 0
    untrained: int = 0
    records: int = 0
    sampled: int = 0
    unchecked: int = 0
    missing: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    drifts: int = 0
    promoted: int = 0
    refused: int = 0
    refusals: int = 0
    promoted_ms: float | None = None
    round_ms: float | None = None
    seconds: Counter[str] = field(default_factory=Counter)
    report: dict[str, Any] = field(default_factory=dict)
    published: dict[str, Any] = field(default_factory=dict)
    verdict: dict[str, Any] = field(default_factory=dict)
    version: dict[str, Any] = field(default_factory=dict)
    champion: dict[str, Any] = field(default_factory=dict)
    damaged: int = 0

    def add_round(self, report: dict[str, Any], missing: int, planned_ms: int) -> None:
        """Take over what a round's report says."""
        counts, training = report["counts"], report["training"]
        self.rounds += 1
        self.untrained += bool(training["diverged"] or training["skipped"])
        self.records += counts["seen"]
        self.sampled += report["sampled"]
        self.unchecked += counts.get("unchecked", 0)
        self.missing += missing
        self.kinds.update(counts.get("kinds", {}))
        self.drifts += bool(report.get("drift", {}).get("found"))
        self.seconds.update(parts_of(report, {}))
        self.report, self.published, self.round_ms = report, {}, float(planned_ms)

    def add_publication(self, published: dict[str, Any], at_ms: float) -> None:
        """Take over what became of a round's model, which was noted at a time."""
        self.seconds.update(published.get("seconds", {}))
        self.verdict = published.get("verdict", {})
        if published.get("version") is None:
            return
        self.version = published
        if published.get("promoted"):
            self.promoted += 1
            self.refusals, self.promoted_ms, self.champion = 0, at_ms, published
        else:
            self.refused += 1
            self.refusals += 1


class RoundTotals:
    """Keeps the totals of one state folder up to date; for one thread at a time.

    Rounds are published in their order, so each file is read once.

    Args:
        state_dir: need not be there yet.
    """

    def __init__(self, state_dir: Path) -> None:
        self._rounds = state_dir / "rounds"
        self._begin()

    def _begin(self) -> None:
        self._totals = Totals()
        self._next, self._next_published = 1, 1

    def read(self) -> Totals:
        """The totals, with what came since the last call.

        A damaged round is counted as such and left out; a folder that cannot be reached now waits
        for the next call. One that was removed and made anew begins from nothing.
        """
        try:
            last = self._last_done()
        except OSError:
            return self._totals
        if last < self._next - 1:
            self._begin()
        with suppress(OSError):
            while self._next <= last and self._taken(self._next, self._add_round):
                self._next += 1
            while self._next_published < self._next and self._taken(
                self._next_published, self._add_publication
            ):
                self._next_published += 1
        return self._totals

    def _taken(self, number: int, add: Callable[[RoundFolder], bool]) -> bool:
        """Whether a round was added, or is damaged, which time will not mend."""
        before = self._totals
        self._totals = replace(before, kinds=Counter(before.kinds), seconds=Counter(before.seconds))
        try:
            return add(self._folder(number))
        except (RoundStoreError, AttributeError, KeyError, TypeError, ValueError):
            self._totals = replace(before, damaged=before.damaged + 1)
            return True

    def _add_round(self, folder: RoundFolder) -> bool:
        if not folder.done:
            raise RoundStoreError(lost_round(folder.path))
        plan, report = folder.plan(), folder.report()
        self._totals.add_round(report, plan.missing, plan.created_ms)
        return True

    def _add_publication(self, folder: RoundFolder) -> bool:
        if not folder.done:
            return True  # a lost round, which is counted already
        published = folder.published()
        if published is None:
            return False
        at_ms = (folder.path / "published.json").stat().st_mtime * 1000
        self._totals.add_publication(published, published.get("promoted_ms") or at_ms)
        if folder.number == self._next - 1:
            self._totals.published = published
        return True

    def _last_done(self) -> int:
        names = os.listdir(self._rounds)  # noqa: PTH208, names are all it takes
        numbers = sorted((int(name) for name in names if name.isdecimal()), reverse=True)
        return next((n for n in numbers if self._folder(n).done), 0)

    def _folder(self, number: int) -> RoundFolder:
        return RoundFolder(self._rounds / f"{number:06d}")
