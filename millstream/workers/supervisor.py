"""Starts workers on this machine, and starts them anew when one dies or hangs.

Whatever happened since the last round's marker did not happen, so all workers are ended and begin
again from there. A worker that cannot even reach a round is left out after a while.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from millstream.durable import make_folder
from millstream.errors import WorkersError
from millstream.watch.log_file import MOST_LOG_BYTES, keep_short
from millstream.workers.beat import Beat, end_with_stacks, native_of
from millstream.workers.environment import local_environments

__all__ = ["FAILED_ALONE", "LOST_PEER", "Crew", "supervise"]

log = logging.getLogger("millstream")

LOST_PEER = 9
"""Exit code of a worker that has lost another one."""
FAILED_ALONE = 10
"""Exit code of a worker on which a step failed while the others waited for it."""
OUT_OF_REACH = 4
"""Exit code of a worker that finds no broker or no registry."""
IN_WORDS = {LOST_PEER: "lost another one", FAILED_ALONE: "could not train on its records"}
"""How workers end that are to begin again."""
ASKED = (0, -signal.SIGTERM)
"""How one ends that is told to stop; by the signal, if it has only begun."""
PAUSE_S = 5.0
LOOK_EVERY_S = 0.1
WAIT_EVERY_S = 0.02
MOST_SILENCE_S = 10.0
MOST_UNHURRIED_S = 600.0
"""For a call that is known to hold the interpreter."""
MOST_START_S = 660.0
"""Until it is up: it may wait for workers of other machines, and TensorFlow gives up before."""
MOST_ABSENCE_S = 120.0
"""Without a beat at all: for a process to begin, and to end."""
GRACE_S = 3.0
"""For the others to end by themselves, and say why, once one has ended."""
STOP_S = 600.0
"""For a stop that was asked for: what trains ends soon, what is published is waited for."""
MOST_FAILURES = 3
"""In a row, without a round in between."""


class Process(Protocol):
    """A process that was started."""

    @property
    def pid(self) -> int:
        """Its id."""
        ...

    def poll(self) -> int | None:
        """Its exit code, a signal's number below 0; None while it runs."""
        ...


@dataclass(frozen=True)
class Crew:
    """The workers to look after.

    Attributes:
        begin: starts one, given its rank, its variables and a file for what it prints.
        count: how many to begin with.
        folder: of their heartbeats and logs.
        rounds: tells how many rounds are complete, so that progress is seen.
        environments: the variables of each, given how many they are.
        first_rank: the rank of the first one, if others are looked after elsewhere.
        ready: whether one can begin at once; waits for that, so many seconds at most.
    """

    begin: Callable[[int, Mapping[str, str], Path | None], Process]
    count: int
    folder: Path
    rounds: Callable[[], int]
    environments: Callable[[int], list[dict[str, str]]] = local_environments
    first_rank: int = 0
    ready: Callable[[float], bool] = lambda _: True


@dataclass
class Member:
    """A running worker."""

    rank: int
    process: Process
    beat: Beat
    log: Path
    native: Path


def supervise(crew: Crew, stop: threading.Event) -> int:
    """Keep the workers running until they end by themselves or `stop` is set; their exit code.

    They die with the thread that calls it, however that ends. A broker or a registry that was in
    reach before is waited for, as long as workers that die are.

    Raises:
        WorkersError: they die again and again without completing a round.
    """
    make_folder(crew.folder)
    count, failures, done = crew.count, 0, crew.rounds()
    while may_begin(crew, stop):
        members = start(crew, count)
        try:
            reason = watch(members, stop)
        finally:
            codes = end_all(members)
        code = exit_code(codes)
        is_outage = code == OUT_OF_REACH and (failures > 0 or crew.rounds() > done)
        if code is not None and not is_outage:
            return code
        if stop.is_set():
            if any(code not in ASKED for code in codes):
                log.warning("%s; the rounds that are complete stay as they are", reason)
            return 0
        failures = 1 if crew.rounds() > done else failures + 1
        done = crew.rounds()
        if failures > MOST_FAILURES and code is not None:
            return code
        if failures > MOST_FAILURES:
            if count == 1:
                raise WorkersError(
                    f"{reason}; workers have ended {failures} times without completing a round;"
                    f" see {crew.folder}/*.log"
                )
            count, failures = count - 1, 0
            log.warning("going on with %d workers", count)
        where = f"after round {done - 1}" if done else "from the beginning"
        log.warning("%s; all workers begin again %s", reason, where)
        stop.wait(PAUSE_S if is_outage else 0.0)
    return 0


def may_begin(crew: Crew, stop: threading.Event) -> bool:
    """Wait until workers can begin; False if `stop` was set before."""
    while not stop.is_set():
        if crew.ready(LOOK_EVERY_S):
            return True
    return False


def start(crew: Crew, count: int) -> list[Member]:
    """Start so many workers; the first one speaks, what the others print goes to their logs."""
    members = []
    for rank, variables in enumerate(crew.environments(count), crew.first_rank):
        path = crew.folder / f"{rank}.log"
        (crew.folder / f"{rank}.beat").unlink(missing_ok=True)
        keep_short(path, MOST_LOG_BYTES)
        process = crew.begin(rank, variables, path if rank else None)
        beat, native = Beat(crew.folder / f"{rank}.beat"), native_of(crew.folder, rank)
        members.append(Member(rank, process, beat, path, native))
    return members


def watch(members: Sequence[Member], stop: threading.Event) -> str:
    """Wait until a worker ends or hangs, or all have ended after `stop`; says what happened."""
    deadline: float | None = None
    while True:
        if stop.is_set() and deadline is None:
            deadline = time.monotonic() + STOP_S
            send_all(members, signal.SIGTERM)
        ended = [member for member in members if member.process.poll() is not None]
        lost = [member for member in ended if member.process.poll()]
        if lost or len(ended) == len(members):
            return told(lost)
        for member in members:
            keep_short(member.log, MOST_LOG_BYTES)
            most = most_silence(member.beat)
            if member.beat.silence() > most and member.process.poll() is None:
                end_with_stacks(member.process.pid)
                wait_for(member.process, GRACE_S)
                return (
                    f"worker {member.rank} hung for {most:.0f} s, the stacks of its threads are in"
                    f" {member.native}"
                )
        if deadline is not None and time.monotonic() > deadline:
            return f"the workers did not stop within {STOP_S:.0f} s"
        time.sleep(LOOK_EVERY_S)


def most_silence(beat: Beat) -> float:
    """For how many seconds a worker may be silent."""
    if not beat.is_there():
        return MOST_ABSENCE_S
    if beat.is_starting():
        return MOST_START_S
    return MOST_UNHURRIED_S if beat.is_unhurried() else MOST_SILENCE_S


def told(lost: Sequence[Member]) -> str:
    """How workers ended, in words."""
    codes = ((member.rank, member.process.poll()) for member in lost)
    return ", ".join(f"worker {rank} {how(code)}" for rank, code in codes if code) or "all ended"


def how(code: int) -> str:
    """An exit code of a process in words."""
    if code >= 0:
        return IN_WORDS.get(code, f"ended with code {code}")
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def end_all(members: Sequence[Member]) -> list[int]:
    """End what still runs: what lost a peer by itself, the rest for it; their exit codes."""
    deadline = time.monotonic() + GRACE_S
    for member in members:
        wait_for(member.process, max(0.0, deadline - time.monotonic()))
    send_all(members, signal.SIGKILL)
    return [code_of(member.process) for member in members]


def wait_for(process: Process, seconds: float) -> None:
    """Wait for a process, not longer than that."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(WAIT_EVERY_S)


def code_of(process: Process) -> int:
    """Wait for a process; its exit code."""
    while (code := process.poll()) is None:
        time.sleep(WAIT_EVERY_S)
    return code


def send_all(members: Sequence[Member], number: signal.Signals) -> None:
    """Send a signal to all workers that run."""
    for member in members:
        if member.process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(member.process.pid, number)


def exit_code(codes: Sequence[int]) -> int | None:
    """The code to end with; None if the workers are to begin again.

    A worker that gave up for a reason of its own would give up again. When the first one ended
    well, all is done, however the others ended.
    """
    if codes[0] == 0:
        return 0
    final = [code for code in codes if code > 0 and code not in IN_WORDS]
    return final[0] if final else None
