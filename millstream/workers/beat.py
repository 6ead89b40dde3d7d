"""The heartbeat of a worker: a file that a thread of it touches, and the eye of the supervisor.

A process that is stopped, or whose interpreter is held by a call that does not return, touches it
no more. It is then ended in a way that leaves the stacks of all its threads in its log.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["Beat", "beating", "end_with_stacks"]

INTERVAL_S = 0.5
PR_SET_PDEATHSIG = 1


@contextmanager
def beating(path: Path, log: Path) -> Iterator[None]:
    """Touch a file twice a second while the body runs, and end with the process that began us.

    Args:
        path: of the file.
        log: where the stacks of all threads go if the process is aborted.
    """
    ended, parent = threading.Event(), os.getppid()
    _die_with_parent(parent)

    def run() -> None:
        while not ended.wait(INTERVAL_S):
            with suppress(OSError):
                path.touch()
            if os.getppid() != parent:
                os._exit(1)

    with log.open("a", encoding="utf-8") as file:
        faulthandler.enable(file)
        path.touch()
        thread = threading.Thread(target=run, name="millstream-beat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            path.unlink(missing_ok=True)
            faulthandler.disable()


class Beat:
    """Tells for how long a file was not touched, by a clock that never jumps.

    Args:
        path: of the file; before the first beat of all, nothing is amiss.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: int | None = None
        self._since = time.monotonic()

    def silence(self) -> float:
        """Seconds since the last beat; 0 while there is none."""
        try:
            last = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return 0.0
        if last != self._last:
            self._last, self._since = last, time.monotonic()
        return time.monotonic() - self._since


def end_with_stacks(pid: int) -> None:
    """Abort a process that hangs; also one that is stopped."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGABRT)
        os.kill(pid, signal.SIGCONT)


def _die_with_parent(parent: int) -> None:
    """Ask Linux to end this process with its parent, which may be gone already."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
