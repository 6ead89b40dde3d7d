"""Keeps the pipelines of a service running, each as a process: one that dies touches no other.

A pipeline goes on from its last round, as after any restart. How it ended says whether it may begin
again: out of reach and killed is waited for as long as it takes, failed a few times only, and what
a person has to correct not at all.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from millstream.workers.supervisor import Process, how

__all__ = ["Kept", "keep"]

log = logging.getLogger("millstream")

LOOK_EVERY_S = 0.1
STOP_S = 620.0
"""More than a pipeline gives its own workers."""
FIRST_PAUSE_S = 1.0
MOST_PAUSE_S = 60.0
MOST_FAILURES = 5
"""In a row, without a round in between, of one that failed."""
LASTING = frozenset({4, 9, 10})
"""Exit codes of what may come back by itself: Kafka, MLflow, another worker."""
FAILED = frozenset({1, 5})
"""Exit codes that may be a fault of the moment; 5 is a predecessor that is not quite gone."""
ASKED = frozenset({0, -signal.SIGTERM, -signal.SIGINT})
"""How a process ends that is told to stop; by the signal, if it has only begun."""


@dataclass(frozen=True)
class Kept:
    """A pipeline to keep running.

    Attributes:
        name: what it is called in the log.
        begin: starts its process.
        rounds: tells how many rounds are complete, so that progress is seen.
    """

    name: str
    begin: Callable[[], Process]
    rounds: Callable[[], int]


class Watched:
    """A pipeline as it is now; `code` is how its last process ended, 0 before."""

    def __init__(self, kept: Kept) -> None:
        self.code = 0
        self.is_over = False
        self._kept = kept
        self._process: Process | None = None
        self._rounds = kept.rounds()
        self._failures = 0
        self._due = 0.0

    def look(self, now: float) -> None:
        """Begin it when it is due, and take note of its end."""
        if self.is_over:
            return
        if self._process is None:
            if now >= self._due:
                self._process = self._kept.begin()
            return
        code = self._process.poll()
        if code is not None:
            self._process, self.code = None, code
            self._ended(code, now)

    def stop(self) -> None:
        """Ask it to end; one that waits for its next begin has ended."""
        self._send(signal.SIGTERM)
        self.is_over = self._process is None

    def look_while_stopping(self) -> None:
        """Take note of its end, which was asked for."""
        code = self._process.poll() if self._process is not None else None
        if code is not None:
            self._process, self.is_over = None, True
            self.code = 0 if code in ASKED else code

    def kill(self) -> None:
        """End it at once."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def _ended(self, code: int, now: float) -> None:
        rounds = self._kept.rounds()
        self._failures = 1 if rounds > self._rounds else self._failures + 1
        self._rounds = rounds
        name = self._kept.name
        if code == 0:
            self.is_over = True
            log.info("%s has ended", name)
        elif not may_begin_again(code, self._failures):
            self.is_over = True
            log.error("%s %s, and stays away; the others go on", name, how(code))
        else:
            pause = min(FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10), MOST_PAUSE_S)
            self._due = now + pause
            where = f"after round {rounds - 1}" if rounds else "from the beginning"
            log.warning("%s %s; it begins again %s in %.0f s", name, how(code), where, pause)


def keep(pipelines: Sequence[Kept], stop: threading.Event) -> int:
    """Keep pipelines running until all have ended, or `stop` is set; the worst exit code.

    Each is told to stop by SIGTERM, and waited for: what trains ends soon, what is published is
    waited for. Of one that a signal has ended, the code is 128 and the signal's number.
    """
    watched = [Watched(kept) for kept in pipelines]
    while not (stop.is_set() or all(each.is_over for each in watched)):
        for each in watched:
            each.look(time.monotonic())
        stop.wait(LOOK_EVERY_S)
    running = [each for each in watched if not each.is_over]
    for each in running:
        each.stop()
    deadline = time.monotonic() + STOP_S
    while not all(each.is_over for each in running):
        if time.monotonic() > deadline:
            log.warning("not all pipelines have stopped within %.0f s", STOP_S)
            for each in running:
                each.kill()
            deadline += STOP_S
        time.sleep(LOOK_EVERY_S)
        for each in running:
            each.look_while_stopping()
    return max((abs_code(each.code) for each in watched), default=0)


def may_begin_again(code: int, failures: int) -> bool:
    """Whether one that has ended so may begin again, after so many ends without a round."""
    return code < 0 or code in LASTING or (code in FAILED and failures < MOST_FAILURES)


def abs_code(code: int) -> int:
    """An exit code as a shell tells it."""
    return code if code >= 0 else 128 - code
