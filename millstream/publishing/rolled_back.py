"""The last roll-back by hand, as a file in the state folder: the page tells it until what follows.

The service reads who is champion when it publishes; until then its status has the one before.
Who shows the champion asks here first.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from millstream.durable import read_as, write_json

__all__ = ["FILE", "RolledBack", "champion_by_hand", "note_roll_back"]

FILE = "rolled-back.json"


def note_roll_back(state_dir: Path, version: int, reason: str) -> None:
    """Note that a version was made the champion; where nothing can be written, nothing is noted."""
    told = {"version": version, "at_ms": int(time.time() * 1000), "reason": reason}
    with suppress(OSError):
        write_json(state_dir / FILE, told)


@dataclass(frozen=True)
class RolledBack:
    """Which version was made the champion, and when, milliseconds since the epoch."""

    version: int
    at_ms: int


def champion_by_hand(state_dir: Path) -> int | None:
    """The version of the last roll-back, if the service has published nothing since; else None."""
    told = read_as(state_dir / FILE, RolledBack)
    if told is None:
        return None
    for file in sorted((state_dir / "rounds").glob("*/published.json"), reverse=True):
        with suppress(OSError):
            return told.version if told.at_ms > file.stat().st_mtime * 1000 else None
    return told.version
