"""One service per state folder: an advisory lock that the kernel drops when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millstream.durable import make_folder
from millstream.errors import BusyError

__all__ = ["state_lock"]


@contextmanager
def state_lock(state_dir: Path) -> Iterator[None]:
    """Hold the state folder for this process.

    Raises:
        BusyError: another live process holds it; names its process id.
    """
    make_folder(state_dir)
    path = state_dir / "lock"
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise BusyError(
                f"{state_dir}: held by process {file.read().strip() or 'unknown'};"
                " stop it, or give this one another service.state_dir"
            ) from error
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield
