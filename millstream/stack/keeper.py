"""The small process between us and a server: it ends the server when we end, however that happens.

Run as a program of its own (`python -I -S keeper.py GRACE_S COMMAND...`), on the standard library
only. Its standard input is a pipe whose other end only its parent holds: at its end of file, which
also comes when the parent is killed, the server is asked to stop (SIGTERM) and, after GRACE_S
seconds, killed. Should another process hold that pipe too, the change of the parent's process id is
noticed within a second. On Linux the server is killed by the kernel if the keeper itself is killed.

It prints the server's process id, and ends with the server's exit status (128 + signal if killed).
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable

__all__ = ["keep", "main"]

PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 1.0


def _die_with_parent() -> Callable[[], None] | None:
    """What the server does between fork and exec: ask Linux to kill it when the keeper dies."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    keeper = os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(1)

    return ask


def _end(server: subprocess.Popen[bytes], grace_s: float) -> None:
    server.terminate()
    try:
        server.wait(grace_s)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def keep(command: list[str], grace_s: float) -> int:
    """Run a server until it ends, or until the parent does; returns its exit status."""
    parent = os.getppid()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    asked: list[int] = []
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: asked.append(received))
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
        close_fds=False,
        preexec_fn=_die_with_parent(),
    )
    os.write(1, f"{server.pid}\n".encode())
    while server.poll() is None:
        ready, _, _ = select.select([0, woken], [], [], LOOK_EVERY_S)
        if woken in ready:
            os.read(woken, 512)
        if asked or os.getppid() != parent or (0 in ready and not os.read(0, 512)):
            _end(server, grace_s)
    code = server.returncode
    return 128 - code if code < 0 else code


def main() -> None:
    """Keep the command of the command line."""
    sys.exit(keep(sys.argv[2:], float(sys.argv[1])))


if __name__ == "__main__":
    main()
