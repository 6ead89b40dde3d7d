"""Single keys from the terminal, without waiting for the end of a line."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["reading_keys"]


@contextmanager
def reading_keys() -> Iterator[Callable[[float], str]]:
    """Read keys while the body runs; the terminal is afterwards as it was.

    Gives a function that waits so many seconds at most and returns the key, or nothing. Where
    standard input is no terminal, there are no keys.
    """
    if not sys.stdin.isatty():
        yield waited
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)

    def key(seconds: float) -> str:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        return os.read(descriptor, 1).decode(errors="replace") if ready else ""

    try:
        yield key
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def waited(seconds: float) -> str:
    """No key, after so many seconds."""
    time.sleep(seconds)
    return ""
