"""Requests by hand: files in the state folder that the running service answers."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

from millstream.durable import make_folder, write_json

__all__ = ["RELOAD", "ROUND", "Requests", "ask"]

ROUND = "trigger.json"
"""For a round at once."""
RELOAD = "reload.json"
"""To read the settings again."""


def ask(state_dir: Path, what: str = ROUND) -> None:
    """Ask the service of a state folder; asked twice before it answered, it is one request."""
    make_folder(state_dir)
    request = {"id": uuid.uuid4().hex, "requested_ms": int(time.time() * 1000)}
    # Whoever asks need not be whom the service runs as; a request that it cannot read is none. It
    # may be answered, and gone, as soon as it is there.
    write_json(state_dir / what, request, mode=0o644)


class Requests:
    """The request that a service sees.

    One for a round stays until a round has answered it: until there is a record, and through a
    restart. If the service is killed between the end of the round and the removal of the file, a
    second round answers it again.

    Args:
        state_dir: the service's.
        what: is asked for.
    """

    def __init__(self, state_dir: Path, what: str = ROUND) -> None:
        self._file = state_dir / what
        self._seen: bytes | None = None

    def is_open(self) -> bool:
        """Whether somebody asks."""
        try:
            self._seen = self._file.read_bytes()
        except OSError:
            self._seen = None
        return self._seen is not None

    def answer(self) -> None:
        """What was asked when `is_open` was looked at last is done; what came since stays."""
        before = self._seen
        if before is not None and self.is_open() and self._seen == before:
            self._file.unlink(missing_ok=True)
        self._seen = None
