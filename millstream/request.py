"""A request for a round, by hand: a file in the state folder that the running service answers."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

from millstream.durable import make_folder, write_json

__all__ = ["Requests", "ask"]

NAME = "trigger.json"


def ask(state_dir: Path) -> None:
    """Ask the service of a state folder for a round; asked twice before it began, it is one."""
    make_folder(state_dir)
    write_json(state_dir / NAME, {"id": uuid.uuid4().hex, "requested_ms": int(time.time() * 1000)})
    # Whoever asks need not be whom the service runs as; a request that it cannot read is none.
    (state_dir / NAME).chmod(0o644)


class Requests:
    """The request that a service sees.

    One stays until a round has answered it: until there is a record, and through a restart. If the
    service is killed between the end of the round and the removal of the file, a second round
    answers it again.

    Args:
        state_dir: the service's.
    """

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / NAME
        self._seen: bytes | None = None

    def is_open(self) -> bool:
        """Whether somebody asks for a round."""
        try:
            self._seen = self._file.read_bytes()
        except OSError:
            self._seen = None
        return self._seen is not None

    def answer(self) -> None:
        """A round that began after `is_open` was asked last is over; what came since stays."""
        before = self._seen
        if before is not None and self.is_open() and self._seen == before:
            self._file.unlink(missing_ok=True)
        self._seen = None
