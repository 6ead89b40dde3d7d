"""Keeps what native libraries print out of a person's terminal, without losing it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["native_log"]

STDERR = 2


@contextmanager
def native_log(path: Path) -> Iterator[None]:
    """Send what C and C++ code writes to standard error into a file, while the body runs.

    TensorFlow and its converter write there before any of their log levels applies. Python's own
    `sys.stderr` still reaches the terminal; child processes inherit the file.
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
                yield
            finally:
                sys.stderr = python_stderr
    finally:
        os.dup2(terminal, STDERR)
        os.close(terminal)
