"""SIGHUP asks for a reload, unless it says that the terminal has gone."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

from millstream.cli.signals import has_terminal, reload_on_hangup
from millstream.request import RELOAD, Requests

SERVICE = """
import sys, threading
from pathlib import Path
from millstream.cli.signals import reload_on_hangup
stop = threading.Event()
folder = Path(sys.argv[1])
with reload_on_hangup(stop, folder):
    (folder / "ready").touch()
    told = stop.wait(20)
(folder / "ended").write_text("stopped" if told else "went on")
"""


def until(path: Path) -> None:
    for _ in range(1000):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path.name} never came")


@pytest.mark.skipif(has_terminal(), reason="a terminal that stays")
def test_without_a_terminal_it_is_a_request(tmp_path: Path) -> None:
    before, stop = signal.getsignal(signal.SIGHUP), threading.Event()
    with reload_on_hangup(stop, tmp_path, tmp_path / "other"):
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGHUP)
        until(tmp_path / "other" / RELOAD)
    assert Requests(tmp_path, RELOAD).is_open()
    assert not stop.is_set()
    assert signal.getsignal(signal.SIGHUP) == before


def test_with_a_terminal_it_is_a_request_until_the_terminal_goes(tmp_path: Path) -> None:
    master, slave = pty.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(tmp_path)], preexec_fn=take_terminal
    )
    os.close(slave)
    until(tmp_path / "ready")
    service.send_signal(signal.SIGHUP)
    until(tmp_path / RELOAD)
    assert not (tmp_path / "ended").exists()
    os.close(master)  # the terminal goes
    until(tmp_path / "ended")
    assert service.wait(20) == 0
    assert (tmp_path / "ended").read_text() == "stopped"
