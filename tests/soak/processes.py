"""What each process of a service uses, by its part."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

__all__ = ["Observer", "Usage", "part_of", "size_of"]

PROGRAMS = {
    "millstream.page.serve": "page",
    "serve_mlflow.py": "mlflow",
    "measure": "measuring child",
    "quantizer": "quantizing child",
}
"""What a command line has, and whose it is."""
NOT_OURS = ("keeper.py", "kafka.Kafka", "resource_tracker", "forkserver")


@dataclass(frozen=True)
class Usage:
    """One look at one process.

    Attributes:
        part: whose process it is.
        pid: with `began`, which process it is.
        began: seconds since 1970.
        at: seconds since the observer began.
        memory: bytes of resident memory that are in no file; code that is read later is none.
        handles: open file descriptors.
        threads: of the process.
    """

    part: str
    pid: int
    began: float
    at: float
    memory: int
    handles: int
    threads: int


class Observer:
    """Looks at all processes below this one.

    Attributes:
        looks: what was seen.
        disk: of each look: seconds, rounds, bytes of the state folder.
        zombies: ended processes that nobody has waited for, by (pid, began): how often in a row
            each was seen; the most that there were.
    """

    def __init__(self, state_dir: Path, keep: Path | None = None) -> None:
        """Look at a state folder's service.

        Args:
            state_dir: whose size is looked at too.
            keep: a file for all that is seen, a line of JSON for each look at each process.
        """
        self.looks: list[Usage] = []
        self.disk: list[tuple[float, int, int]] = []
        self.zombies: dict[tuple[int, float], int] = {}
        self._state_dir, self._keep = state_dir, keep
        self._begun = time.monotonic()

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    def look(self, service: int, rounds: int) -> None:
        """Look once.

        Args:
            service: process id of the service.
            rounds: that have happened.
        """
        self.disk.append((self.now, rounds, size_of(self._state_dir)))
        for process in psutil.Process().children(recursive=True):
            try:
                self._look_at(process, service)
            except psutil.Error:
                continue  # it has ended meanwhile

    def _look_at(self, process: psutil.Process, service: int) -> None:
        if process.status() == psutil.STATUS_ZOMBIE:
            key = process.pid, process.create_time()
            self.zombies[key] = self.zombies.get(key, 0) + 1
            return
        part = part_of(process.pid == service, process.name(), process.cmdline())
        if part is None:
            return
        with process.oneshot():
            memory, threads = process.memory_info(), process.num_threads()
        began, handles = process.create_time(), process.num_fds()
        own = memory.rss - memory.shared
        seen = Usage(part, process.pid, began, self.now, own, handles, threads)
        self.looks.append(seen)
        if self._keep is not None:
            with self._keep.open("a") as lines:
                lines.write(json.dumps({**asdict(seen), "rounds": self.disk[-1][1]}) + "\n")


def part_of(is_service: bool, name: str, command: list[str]) -> str | None:
    """Whose process it is; None for those that are not the service's.

    Args:
        is_service: whether it is the one that was started.
        name: as `ps -o comm` has it.
        command: with its arguments.
    """
    if is_service:
        return "service"
    if name.startswith("worker "):
        return name
    if any(sign in each for each in command for sign in NOT_OURS):
        return None
    for sign, part in PROGRAMS.items():
        if any(sign in each for each in command):
            return part
    # It is forked from the service, and has its command line.
    return "fork server" if "millstream" in command and "run" in command else None


def size_of(folder: Path) -> int:
    """Bytes that the files of a folder take on the disk."""
    return sum(sizes(folder))


def sizes(folder: Path) -> Iterator[int]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from sizes(Path(entry.path))
            else:
                yield entry.stat(follow_symlinks=False).st_blocks * 512
        except FileNotFoundError:
            continue
