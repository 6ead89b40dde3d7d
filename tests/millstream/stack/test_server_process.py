"""A kept server ends with us: stopped, killed, or with the keeper killed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from millstream.stack.server_process import ServerProcess, excerpt

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
OWNER = """
import os, sys, time
from pathlib import Path
from millstream.stack.server_process import ServerProcess

server = ServerProcess(
    [sys.executable, "-c", sys.argv[2]], log_file=Path(sys.argv[1]), grace_s=0.2
)
if sys.argv[3] == "fork" and os.fork() == 0:
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(600)
os.write(1, b"%d\\n" % server.pid)
time.sleep(600)
"""


def start(log_file: Path, code: str, grace_s: float = 5.0) -> ServerProcess:
    return ServerProcess([sys.executable, "-c", code], log_file=log_file, grace_s=grace_s)


def test_stop_ends_it(tmp_path, wait_until, gone):
    server = start(tmp_path / "log", SLEEPER)
    wait_until(lambda: excerpt(tmp_path / "log") == "ready", "the server's output in the log")
    assert server.running
    assert not gone(server.pid)
    server.stop()
    assert gone(server.pid)
    assert not server.running
    server.stop()


def test_a_server_that_ignores_sigterm_is_killed(tmp_path, wait_until, gone):
    server = start(tmp_path / "log", STUBBORN, grace_s=0.2)
    wait_until(lambda: excerpt(tmp_path / "log") == "ready", "the server's output in the log")
    server.stop()
    assert gone(server.pid)


def test_an_end_of_its_own_is_seen(tmp_path, wait_until):
    server = start(tmp_path / "log", "raise SystemExit('out of luck')")
    wait_until(lambda: not server.running, "the server's end")
    assert excerpt(tmp_path / "log") == "out of luck"
    server.stop()


def test_a_program_that_is_not_there(tmp_path, wait_until):
    server = ServerProcess(["no-such-program"], log_file=tmp_path / "log", grace_s=1.0)
    wait_until(lambda: not server.running, "the keeper's end")
    assert server.pid == -1
    assert "no-such-program" in excerpt(tmp_path / "log")
    server.stop()


@pytest.mark.parametrize("code", [SLEEPER, STUBBORN])
def test_it_dies_with_a_killed_owner(tmp_path, spawn, wait_until, gone, code):
    owner = spawn(OWNER, tmp_path / "log", code, "alone")
    pid = int(owner.stdout.readline())
    wait_until(lambda: excerpt(tmp_path / "log") == "ready", "the server's output in the log")
    owner.send_signal(signal.SIGKILL)
    wait_until(lambda: gone(pid), "the server's end")


def test_it_dies_with_a_killed_owner_whose_fork_lives_on(tmp_path, spawn, wait_until, gone):
    owner = spawn(OWNER, tmp_path / "log", SLEEPER, "fork")
    pids = {int(owner.stdout.readline()), int(owner.stdout.readline())}
    owner.send_signal(signal.SIGKILL)
    try:
        wait_until(lambda: any(map(gone, pids)), "the server's end")
    finally:
        for pid in pids:
            if not gone(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_it_dies_with_a_killed_keeper(tmp_path, wait_until, gone):
    server = start(tmp_path / "log", STUBBORN)
    wait_until(lambda: excerpt(tmp_path / "log") == "ready", "the server's output in the log")
    os.kill(server.keeper_pid, signal.SIGKILL)
    wait_until(lambda: gone(server.pid), "the server's end")
    assert not server.running
    server.stop()
