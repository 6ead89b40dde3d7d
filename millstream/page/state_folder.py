"""One state folder, looked at again and again: what is new in its files."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from millstream.durable import read_as
from millstream.page.told_round import tell_detail, tell_lost, tell_round
from millstream.page.words import tell_state
from millstream.pause import find_pause
from millstream.publishing.rolled_back import FILE as ROLLED_BACK
from millstream.reload.journal import FILE as RELOADS
from millstream.reload.journal import last_reload
from millstream.request import Requests
from millstream.rounds.folder import RoundFolder
from millstream.watch.board import LiveState

__all__ = ["MOST_ROUNDS", "Look", "StateFolder"]

MOST_ROUNDS = 500
"""Rounds that are kept in memory; older ones are read when somebody asks for them."""
SCAN_EVERY_S = 5.0
SAMPLE_MS = 1000
MOST_SAMPLES = 900
MOST_EPOCHS = 200


@dataclass(frozen=True)
class Look:
    """What a look at the folder found.

    Attributes:
        state: the service's, as it is now.
        rounds: those that are new, or have been published since.
    """

    state: dict[str, Any]
    rounds: list[dict[str, Any]]


@dataclass
class StateFolder:
    """A pipeline's files, read by one thread at a time; only what has changed is read again.

    Attributes:
        path: the state folder.
        rounds: the newest ones by number, as the page shows them.
        samples: of the last quarter of an hour, once a second: milliseconds, records per second,
            lag or None.
    """

    path: Path
    rounds: dict[int, dict[str, Any]] = field(default_factory=dict)
    samples: deque[list[float | None]] = field(default_factory=lambda: deque(maxlen=MOST_SAMPLES))
    _curve: tuple[int, tuple[dict[str, Any], ...]] = (0, ())
    _open: set[int] = field(default_factory=set)
    _last: int = 0
    _status: tuple[int, dict[str, Any] | None] = (0, None)
    _reload: tuple[int, dict[str, Any] | None] = (0, None)
    _scanned: tuple[int, float] = (0, 0.0)

    def look(self) -> Look:
        """Read what is new; a folder that is not there yet has nothing."""
        live = self._live()
        words = tell_state(live, pause := find_pause(self.path), int(time.time() * 1000))
        rounds = self._new_rounds()
        if live is not None and live.get("phase") == "running":
            self._sample(live)
            self._follow_losses(live)
        state = {
            **asdict(words),
            "folder": str(self.path),
            "live": {**asdict(LiveState(phase="", pid=0)), **(live or {})},
            "paused": None if pause is None else asdict(pause),
            "asked": Requests(self.path).is_open(),
            "settings_ms": _changed(self.path / "config.json") // 1_000_000,
            "reload": self._last_reload(),
            "rolled_back": self._rolled_back(),
            "curve_round": self._curve[0],
            "curve": list(self._curve[1]),
        }
        return Look(state, rounds)

    def older(self, before: int, most: int) -> list[dict[str, Any]]:
        """Up to so many rounds before that number, oldest first; round 0 is none of them."""
        numbers = [n for n in self._numbers() if 0 < n < before][-most:]
        folders = (self._folder(n) for n in numbers)
        return [self.rounds.get(f.number) or tell_round(f) for f in folders if f.done]

    def detail(self, number: int) -> dict[str, Any] | None:
        """All that the page shows of one round; None if it did not happen.

        Raises:
            RoundStoreError: a file is damaged or foreign.
        """
        folder = self._folder(number)
        return tell_detail(folder) if number > 0 and folder.done else None

    def settings(self) -> dict[str, Any] | None:
        """The configuration in force, as the service left it without its secrets."""
        return _read(self.path / "config.json")

    def _live(self) -> dict[str, Any] | None:
        path = self.path / "status.json"
        changed = _changed(path)
        if changed != self._status[0]:
            live = read_as(path, LiveState)
            self._status = changed, None if live is None else asdict(live)
        return self._status[1]

    def _last_reload(self) -> dict[str, Any] | None:
        changed = _changed(self.path / RELOADS)
        if changed != self._reload[0]:
            told = last_reload(self.path)
            self._reload = changed, None if told is None else asdict(told)
        return self._reload[1]

    def _new_rounds(self) -> list[dict[str, Any]]:
        changed, now = _changed(self.path / "rounds"), time.monotonic()
        if changed != self._scanned[0] or now - self._scanned[1] > SCAN_EVERY_S:
            self._scanned = changed, now
            numbers = self._numbers()
            self._last = next((n for n in reversed(numbers) if self._folder(n).done), 0)
            newest = range(1, max(numbers, default=0) + 1)[-MOST_ROUNDS:]
            self._open.update(n for n in newest if self._is_open(n))
        found = []
        for number in sorted(self._open):
            told = self._news(number)
            if told is None:
                continue
            if told.get("published", True):
                self._open.discard(number)
            if told != self.rounds.get(number):
                self.rounds[number] = told
                found.append(told)
        for number in sorted(self.rounds)[:-MOST_ROUNDS]:
            del self.rounds[number]
            self._open.discard(number)  # or it would be told again with every look
        return found

    def _is_open(self, number: int) -> bool:
        """Whether there may be news of a round: it is not known, or was damaged."""
        return "error" in self.rounds.get(number, {"error": "not read yet"})

    def _news(self, number: int) -> dict[str, Any] | None:
        """A round in short; None while it is made, or is to be published and that is known."""
        folder = self._folder(number)
        if not folder.done:
            return tell_lost(folder) if number < self._last else None
        is_known = not self._is_open(number)
        return None if is_known and not folder.is_published else tell_round(folder)

    def _sample(self, live: Mapping[str, Any]) -> None:
        at = live.get("updated_ms", 0)
        if not self.samples or at - (self.samples[-1][0] or 0) >= SAMPLE_MS:
            self.samples.append([at, live.get("records_per_s"), live.get("lag")])

    def _follow_losses(self, live: Mapping[str, Any]) -> None:
        """Keep the losses of the round in progress by epoch, as far as they were seen."""
        number, epoch = live.get("round", 0), live.get("epoch", 0)
        known = self._curve[1] if self._curve[0] == number else ()
        if known and epoch < known[-1]["epoch"]:  # it began anew
            known = ()
        if epoch and not (known and known[-1]["epoch"] == epoch):
            known = (*known, {"epoch": epoch, "losses": live.get("losses", {})})[-MOST_EPOCHS:]
        if known or (epoch == 0 and live.get("step") == 4):
            self._curve = number, known

    def _rolled_back(self) -> dict[str, Any] | None:
        """The last roll-back from here, until the service has published something after it."""
        told = _read(self.path / ROLLED_BACK)
        if told is None:
            return None
        published = [r.get("published_ms", 0) for r in self.rounds.values() if r.get("version")]
        at = told.get("at_ms")
        return told if isinstance(at, int) and at > max(published, default=0) else None

    def _numbers(self) -> list[int]:
        try:
            names = os.listdir(self.path / "rounds")  # noqa: PTH208, names are all it takes
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isdecimal())

    def _folder(self, number: int) -> RoundFolder:
        return RoundFolder(self.path / "rounds" / f"{number:06d}")


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
