"""Logs that several processes append to, and that do not grow for ever."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

__all__ = ["MOST_LOG_BYTES", "keep_short"]

MOST_LOG_BYTES = 16 << 20


def keep_short(path: Path, most_bytes: int = MOST_LOG_BYTES) -> None:
    """Move a log's content to `NAME.1`, in place of what is there, once it is longer than that.

    The file itself stays, as processes have it open: they must append. What they write just while
    it is emptied may be lost. A full disk, or a log that is not there, is no error.
    """
    with suppress(OSError):
        if path.stat().st_size > most_bytes:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)
