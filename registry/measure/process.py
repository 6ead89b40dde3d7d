"""The process in which models are measured: started once, it is there for later measurements."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

__all__ = ["Measurer", "MeasurerFailed", "default_measurer"]

CHILD = Path(__file__).with_name("child.py")
CHUNK = 1 << 16
TOLD = 300


class MeasurerFailed(Exception):  # noqa: N818 - it costs a measurement, and leaves this folder never
    """The process has ended, or could not measure; the text is the end of what it said."""


class Measurer:
    """Asks a process of its own, which starts with the first question and forks for each.

    So each is answered by a process that has done nothing else. It ends with its parent, even when
    that is killed. Safe to share by threads; a forked process gets a process of its own.

    Args:
        command: how to start it, if not as usual; the parent's process id is appended.
    """

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = tuple(command or (sys.executable, "-P", str(CHILD)))
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self._owner = os.getpid()

    def ask(self, request: Mapping[str, Any], timeout_s: float) -> Any:
        """What it answers.

        Args:
            request: arguments of `measured` in its code.
            timeout_s: for all of it, the start included.

        Raises:
            TimeoutError: it took longer; it has ended, with all that it had forked.
            MeasurerFailed: it has ended, or could not measure.
        """
        with self._lock:
            deadline = time.monotonic() + timeout_s
            child = self._started()
            try:
                os.write(child.stdin.fileno(), json.dumps(request).encode() + b"\n")  # type: ignore[union-attr]
                answer = json.loads(read_line(child.stdout.fileno(), deadline))  # type: ignore[union-attr]
            except TimeoutError:  # which is an OSError
                self._end()
                raise
            except (OSError, ValueError) as error:
                raise MeasurerFailed(self._end()) from error
            except BaseException:  # its answer would be taken for that to the next question
                self._end()
                raise
            if answer is None:
                raise MeasurerFailed(self._end())
            return answer

    def close(self) -> None:
        """End the process. A later question starts another."""
        with self._lock:
            self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():
            self._child, self._said, self._owner = None, None, os.getpid()
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
            self._child = subprocess.Popen(
                [*self._command, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                start_new_session=True,
            )
        if self._said is not None:  # what it said to earlier questions; one file for both of us
            self._said.seek(0)
            self._said.truncate()
        return self._child

    def _end(self) -> str:
        """End the process and what it forked; the last that it said."""
        child, said = self._child, self._said
        self._child = self._said = None
        if child is None or said is None:
            return ""
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            child.kill()
        with child:  # closes its pipes, and waits
            pass
        with said:
            said.seek(0)
            return " ".join(said.read().decode(errors="replace").split())[-TOLD:]


def read_line(source: int, deadline: float) -> bytes:
    """What is written there up to the end of a line, or up to the end.

    Raises:
        TimeoutError: it did not come before the deadline.
    """
    line = b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([source], [], [], left)[0]:
            raise TimeoutError
        part = os.read(source, CHUNK)
        if not part:
            break
        line += part
    return line


@cache
def default_measurer() -> Measurer:
    """The one that `measure_costs` asks: one per process, started when used."""
    return Measurer()
