"""A server process that ends when this process ends, also by kill -9; see `keeper.py`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["ServerProcess", "excerpt"]

KEEPER = Path(__file__).with_name("keeper.py")
READ_BYTES = 1_000_000
FIRST_FAULTS = 8
LAST_LINES = 10
FAULT = re.compile(r"ERROR|FATAL|Exception\b|Error\b")
EXTRA_S = 5.0


class ServerProcess:
    """A running command; its output goes to a log file."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log_file: Path,
        grace_s: float,
        env: Mapping[str, str] | None = None,
        descriptors: tuple[int, ...] = (),
    ) -> None:
        """Start it.

        Args:
            command: program and arguments.
            log_file: replaced; the folder it lies in is the working directory.
            grace_s: seconds from SIGTERM to SIGKILL when it is stopped.
            env: its environment; None means ours.
            descriptors: open files that the server holds as long as it lives.
        """
        with log_file.open("wb") as log:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER), str(grace_s), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=log_file.parent,
                env=env,
                start_new_session=True,
                pass_fds=descriptors,
            )
        self._grace_s = grace_s
        line = b""
        if self._keeper.stdout is not None:
            with self._keeper.stdout as told:
                line = told.readline()
        self.pid = int(line) if line else -1
        """Process id of the server itself; -1 if it could not be started."""

    @property
    def keeper_pid(self) -> int:
        """Process id of the keeper."""
        return self._keeper.pid

    @property
    def running(self) -> bool:
        """Whether the server is alive."""
        return self._keeper.poll() is None

    def stop(self) -> None:
        """End the server and wait until it is gone; again is fine."""
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()
        try:
            self._keeper.wait(self._grace_s + EXTRA_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()


def excerpt(log_file: Path) -> str:
    """What a person wants to see of a log after a failure: its first faults and its last lines."""
    if not log_file.exists():
        return ""
    with log_file.open("rb") as file:
        lines = file.read(READ_BYTES).decode("utf-8", "replace").splitlines()
        file.seek(max(file.tell(), log_file.stat().st_size - READ_BYTES))
        lines += file.read().decode("utf-8", "replace").splitlines()
    last = lines[-LAST_LINES:]
    faults = [line for line in lines[:-LAST_LINES] if FAULT.search(line)]
    return "\n".join([*faults[:FIRST_FAULTS], *last])
