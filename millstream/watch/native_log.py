"""Keeps what native libraries print out of a person's terminal, without losing it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from millstream.every import every
from millstream.watch.log_file import keep_short

__all__ = ["native_log"]

STDERR = 2
LOOK_EVERY_S = 1.0


@contextmanager
def native_log(path: Path) -> Iterator[None]:
    """Send what C and C++ code writes to standard error into a file, while the body runs.

    TensorFlow and its converter write there before any of their log levels applies. Python's own
    `sys.stderr` still reaches the terminal; child processes inherit the file. A long file becomes
    `NAME.1` meanwhile, so that both together stay below 32 MiB.
    """
    sys.stderr.flush()
    terminal = os.dup(STDERR)
    python_stderr = sys.stderr
    with path.open("ab") as file:
        os.dup2(file.fileno(), STDERR)
    try:
        with os.fdopen(os.dup(terminal), "w", buffering=1) as to_terminal:
            sys.stderr = to_terminal
            try:
                with every(LOOK_EVERY_S, partial(keep_short, path), "millstream-native-log"):
                    yield
            finally:
                sys.stderr = python_stderr
    finally:
        os.dup2(terminal, STDERR)
        os.close(terminal)
