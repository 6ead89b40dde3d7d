"""The heartbeat of a worker: a file that a thread of it touches, and the eye of the supervisor.

A process that is stopped, or whose interpreter is held by a call that does not return, touches it
no more. It is then ended in a way that leaves the stacks of all its threads in a file.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from millstream.errors import WorkersError
from millstream.every import every

__all__ = [
    "Beat",
    "beating",
    "die_with_parent",
    "end_with_stacks",
    "is_up",
    "native_of",
    "unhurried",
]

STARTING, UNHURRIED, UP = b"starting", b"unhurried", b""
INTERVAL_S = 0.5
MOST_BETWEEN_LOOKS_S = 1.0
"""Who has not looked for longer was stopped, and perhaps all that it looks at."""
PR_SET_PDEATHSIG = 1


@contextmanager
def beating(path: Path, log: Path, parent: int) -> Iterator[None]:
    """Touch a file twice a second while the body runs, and end with the process that began us.

    Until `is_up` it says that we are starting: TensorFlow holds the interpreter while it waits for
    workers that come later.

    Args:
        path: of the file.
        log: where the stacks of all threads go if the process is aborted.
        parent: the process that began us.

    Raises:
        WorkersError: it is gone already.
    """
    die_with_parent(parent)

    def beat() -> None:
        with suppress(OSError):
            path.touch()
        if os.getppid() != parent:
            os._exit(1)

    with log.open("a", encoding="utf-8") as file:
        faulthandler.enable(file)
        path.write_bytes(STARTING)
        try:
            with every(INTERVAL_S, beat, "millstream-beat"):
                yield
        finally:
            path.unlink(missing_ok=True)
            faulthandler.disable()


def is_up(path: Path) -> None:
    """Say that this process does not hold the interpreter for long any more.

    Args:
        path: of the file; if there is none, nobody looks.
    """
    if path.exists():
        path.write_bytes(UP)


@contextmanager
def unhurried(path: Path) -> Iterator[None]:
    """Say that the body may hold the interpreter for long, as TensorFlow's converter does.

    Args:
        path: of the file; if there is none, nobody looks.
    """
    if not path.exists():
        yield
        return
    before = path.read_bytes()
    path.write_bytes(UNHURRIED)
    try:
        yield
    finally:
        path.write_bytes(before)


class Beat:
    """Tells for how long a file was not touched.

    Time counts only while somebody looks: a pause of both processes, as when a terminal's job or a
    whole machine is stopped for a while, is no silence.

    Args:
        path: of the file, which is there from the first beat to the last.
        clock: one that never jumps.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._last: int | None = None
        self._looked = clock()
        self._silence = 0.0

    def silence(self) -> float:
        """Seconds since the last beat; since the first look, if there was none."""
        now, last = self._clock(), self._read()
        passed = min(now - self._looked, MOST_BETWEEN_LOOKS_S)
        beats = last is not None and last != self._last
        self._silence = 0.0 if beats else self._silence + passed
        self._looked, self._last = now, self._last if last is None else last
        return self._silence

    def is_there(self) -> bool:
        """Whether the process beats at all: it has begun to, and has not ended it."""
        return self._read() is not None

    def is_starting(self) -> bool:
        """Whether the process has not said yet that it is up."""
        return self._told() == STARTING

    def is_unhurried(self) -> bool:
        """Whether the process has said that it may be silent for long."""
        return self._told() == UNHURRIED

    def _told(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError:
            return UP

    def _read(self) -> int | None:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return None


def native_of(folder: Path, rank: int) -> Path:
    """Where a worker's native code prints to, and where its stacks go; its log is elsewhere."""
    return folder / f"{rank}.native.log"


def end_with_stacks(pid: int) -> None:
    """Abort a process that hangs; also one that is stopped."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGABRT)
        os.kill(pid, signal.SIGCONT)


def die_with_parent(parent: int) -> None:
    """Ask Linux to end this process with its parent.

    Raises:
        WorkersError: it is gone already.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise WorkersError(
            f"process {parent}, which looks after this worker, is gone; start that one again"
        )
