"""SIGINT and SIGTERM as an event that long commands wait for; SIGHUP as a request to a service."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from types import FrameType

from millstream.errors import MillstreamError
from millstream.request import RELOAD, ask

__all__ = ["ignore_hangup", "reload_on_hangup", "signals_of_service", "stop_on_signals"]

log = logging.getLogger("millstream")


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGINT or SIGTERM sets; a second signal ends the process as usual."""
    stop = threading.Event()

    def handle(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def signals_of_service(*state_dirs: Path) -> Iterator[threading.Event]:
    """`stop_on_signals` and `reload_on_hangup` together."""
    with stop_on_signals() as stop, reload_on_hangup(stop, *state_dirs):
        yield stop


@contextmanager
def reload_on_hangup(stop: threading.Event, *state_dirs: Path) -> Iterator[None]:
    """While the body runs, SIGHUP asks the services of state folders to read their settings again.

    When it comes because the terminal has gone, it is what it always was: it sets `stop`, or is
    ignored where it was before, as `nohup` wants it.
    """
    before, had_terminal = signal.getsignal(signal.SIGHUP), has_terminal()
    asked: SimpleQueue[bool] = SimpleQueue()

    def handle(*_: object) -> None:
        if not had_terminal or has_terminal():
            asked.put(True)  # a handler may come in between anything, so it does no more
        elif before is not signal.SIG_IGN:
            stop.set()

    def answer() -> None:
        while asked.get():
            for state_dir in state_dirs:
                try:
                    ask(state_dir, RELOAD)
                except (MillstreamError, OSError) as error:
                    log.warning("SIGHUP: the settings are not read again: %s", error)

    thread = threading.Thread(target=answer, name="millstream-hangup", daemon=True)
    thread.start()
    signal.signal(signal.SIGHUP, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
        asked.put(False)
        thread.join()


def ignore_hangup() -> None:
    """Leave SIGHUP to the process that looks after this one."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def has_terminal() -> bool:
    """Whether the process has a terminal that can end it."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
