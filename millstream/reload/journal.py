"""The journal of reloads in the state folder: `reloads.jsonl`, one JSON object a line."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from millstream.reload.reload import Reload

__all__ = ["FILE", "ReloadNote", "last_reload", "note_reload"]

FILE = "reloads.jsonl"
TAIL = 1 << 16


@dataclass(frozen=True)
class ReloadNote:
    """What came of a reload; one that has changed nothing is not noted.

    Attributes:
        at_ms: when, milliseconds since the epoch.
        applied: from what to what, by setting.
        held: what needs a restart.
        refused: why nothing was taken over; empty if it was.
    """

    at_ms: int
    applied: dict[str, tuple[Any, Any]]
    held: tuple[str, ...] = ()
    refused: str = ""


def note_reload(state_dir: Path, reload: Reload) -> None:
    """Append what came of a reload, durably."""
    at_ms = int(time.time() * 1000)
    note = ReloadNote(at_ms, dict(reload.applied), reload.held, reload.refused)
    with (state_dir / FILE).open("ab") as file:
        file.write(msgspec.json.encode(note) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def last_reload(state_dir: Path) -> ReloadNote | None:
    """The last line of the journal; None if there is none, or none that can be read."""
    try:
        with (state_dir / FILE).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            return msgspec.json.decode(file.read().splitlines()[-1], type=ReloadNote)
    except (OSError, ValueError, IndexError):
        return None
