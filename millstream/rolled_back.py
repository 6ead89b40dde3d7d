"""The last roll-back by hand, as a file in the state folder: the page tells it until what follows.

The service reads who is champion when it publishes; until then its status has the one before.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from millstream.durable import write_json

__all__ = ["FILE", "note_roll_back"]

FILE = "rolled-back.json"


def note_roll_back(state_dir: Path, version: int, reason: str) -> None:
    """Note that a version was made the champion; where nothing can be written, nothing is noted."""
    told = {"version": version, "at_ms": int(time.time() * 1000), "reason": reason}
    with suppress(OSError):
        write_json(state_dir / FILE, told)
