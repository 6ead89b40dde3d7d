"""A pause: a file in the state folder, which the service looks for before it begins a round.

While it is there no round begins, by whatever trigger; a round that is in progress ends as always,
and records are read on until the next window is full. It stays through restarts.
"""

from __future__ import annotations

import getpass
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from millstream.durable import make_folder, read_as, write_json

__all__ = ["Pause", "find_pause", "is_paused", "pause", "resume"]

NAME = "paused.json"


@dataclass(frozen=True)
class Pause:
    """Since when no round begins, milliseconds since the epoch, and who wanted it."""

    since_ms: int = 0
    who: str = ""


def pause(state_dir: Path) -> None:
    """Let no round begin any more; a pause that is there already stays as it is."""
    if is_paused(state_dir):
        return
    make_folder(state_dir)
    # Whoever asks need not be whom the service runs as.
    write_json(state_dir / NAME, asdict(Pause(int(time.time() * 1000), _user())), mode=0o644)


def resume(state_dir: Path) -> None:
    """Let rounds begin again; harmless when there is no pause."""
    (state_dir / NAME).unlink(missing_ok=True)


def is_paused(state_dir: Path) -> bool:
    """Whether no round may begin."""
    return (state_dir / NAME).exists()


def find_pause(state_dir: Path) -> Pause | None:
    """The pause, or None; of a file that cannot be read nothing is known but that it is there."""
    if not is_paused(state_dir):
        return None
    return read_as(state_dir / NAME, Pause) or Pause()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return ""
