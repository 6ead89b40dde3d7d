"""Whom to kill, and what is done so that it goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from tests.chaos.stream import Stream

__all__ = ["VICTIMS"]


def service(stream: Stream) -> bool:
    """The process that looks after the workers, which die with it; a person starts it again."""
    os.kill(stream.pid, signal.SIGKILL)
    stream.restart()
    return True


def chief(stream: Stream) -> bool:
    """The first worker; all begin again by themselves."""
    return kill(stream.worker_pid(0))


def worker(stream: Stream) -> bool:
    """The last worker."""
    return kill(stream.worker_pid(stream.workers - 1))


def broker(stream: Stream) -> bool:
    """Kafka; a person starts it again."""
    killed = kill(stream.broker.pid)
    stream.restart_broker()
    return killed


def kill(pid: int | None) -> bool:
    """Kill a process; whether there was one."""
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


VICTIMS: dict[str, Callable[[Stream], bool]] = {
    "broker": broker,
    "chief": chief,
    "service": service,
    "worker": worker,
}
