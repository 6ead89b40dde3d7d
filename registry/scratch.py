"""Folders for the time being, in the system's temporary folder; none stays for ever.

A process that is killed cannot remove its own. So each is locked while it is in use, and who opens
the first one of its process removes those that nobody holds any more: the system lets go of a lock
when its process ends, however it does.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

__all__ = ["FRESH_S", "remove_left_over", "scratch_folder"]

log = logging.getLogger("millstream")

PREFIX = "millstream-scratch-"
FRESH_S = 60.0
"""A folder younger than that is let be: its process may be about to lock it."""


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """An empty folder for the body, removed at its end.

    Args:
        purpose: a word for its name, for people who look into the temporary folder.
    """
    place = Path(tempfile.gettempdir())
    _once(place)
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{purpose}-", dir=place) as name:
        folder = Path(name)
        with (folder / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / "content").mkdir()
            yield folder / "content"


def remove_left_over(place: Path, now: float | None = None) -> list[Path]:
    """Remove the folders of processes that were killed; those of others are let be.

    Args:
        place: the temporary folder.
        now: seconds since the epoch; None for the system's clock.

    Returns:
        What was removed.
    """
    now = time.time() if now is None else now
    left = [
        path
        for path in sorted(place.glob(f"{PREFIX}*"))
        if _is_old(path, now) and not _is_locked(path)
    ]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    if left:
        log.info("removed what killed processes had left in %s: %d folders", place, len(left))
    return left


@cache
def _once(place: Path) -> None:
    remove_left_over(place)


def _is_old(path: Path, now: float) -> bool:
    """Whether a folder is this user's, and was made long enough ago."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return False
    is_mine = path.is_dir() and not path.is_symlink() and found.st_uid == os.getuid()
    return is_mine and now - found.st_mtime > FRESH_S


def _is_locked(path: Path) -> bool:
    """Whether a process uses a folder; also told where it cannot be found out."""
    try:
        with (path / "lock").open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
