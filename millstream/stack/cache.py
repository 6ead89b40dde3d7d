"""Where downloads and prepared files are kept between runs, and who may write there now."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millstream.errors import StackError

__all__ = ["cache_folder", "locked"]


def cache_folder() -> Path:
    """MILLSTREAM_CACHE, else `millstream` in the user's cache folder."""
    named = os.environ.get("MILLSTREAM_CACHE")
    if named:
        return Path(named).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "millstream"


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Wait until no other process is inside `locked` on this path; the folder is made.

    Raises:
        BlockingIOError: another process is inside, and there is to be no waiting.
        StackError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise StackError(
            f"{path.parent}: cannot be written ({error.strerror}); set MILLSTREAM_CACHE or"
            " service.state_dir to a folder that can"
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
