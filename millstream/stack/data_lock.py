"""One broker per data folder: an advisory lock that lives as long as the broker's processes do."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from millstream.errors import StackError
from millstream.watch.processes import is_alive

__all__ = ["hold_folder"]

POLL_S = 0.05
MOMENT_S = 1.5


def hold_folder(folder: Path, patience_s: float) -> IO[str]:
    """Lock a data folder; the lock is held while the file, or a copy of its descriptor, is open.

    A broker whose owner has died is given `patience_s` seconds to end; one whose owner lives, a
    moment, for it may be ending.

    Raises:
        StackError: a broker of a living process holds the folder, or one does not end.
    """
    file = (folder / "lock").open("a+", encoding="utf-8")
    asked = time.monotonic()
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            owner = _owner(file)
            patience = min(patience_s, MOMENT_S) if is_alive(owner) else patience_s
            if time.monotonic() > asked + patience:
                file.close()
                raise StackError(
                    f"{folder}: held by the broker of process {owner or 'unknown'};"
                    " use that broker, end it, or choose another folder"
                ) from error
            time.sleep(POLL_S)
    file.seek(0)
    file.truncate()
    file.write(str(os.getpid()))
    file.flush()
    return file


def _owner(file: IO[str]) -> int:
    file.seek(0)
    text = file.read().strip()
    return int(text) if text.isdigit() else 0
