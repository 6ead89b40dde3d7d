"""A mark that tells one process, and thread, from all others, and whether it is still there.

A mark is `host/pid namespace/pid/start/thread`. Only a process of the same host and namespace can
be judged; of others nothing is known.
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

__all__ = ["is_gone", "my_mark"]

ZOMBIE = "Z"


def my_mark() -> str:
    """The mark of this thread."""
    pid = os.getpid()
    return "/".join((*place(), str(pid), started(pid), str(threading.get_native_id())))


def is_gone(mark: str) -> bool:
    """Whether what a mark was of is known to have ended; this very thread counts as ended.

    A thread that asks has nothing under way itself, so what it finds of its own is left over.
    """
    try:
        host, space, pid, start, thread = mark.split("/")
        if (host, space) != place():
            return False
        if int(pid) != os.getpid():
            return started(int(pid)) != start
        others = {item.native_id for item in threading.enumerate()} - {threading.get_native_id()}
        return started(int(pid)) != start or int(thread) not in others
    except ValueError:
        return False


def place() -> tuple[str, str]:
    """Host and pid namespace, within which a pid means one process; "" where there is none."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return socket.gethostname().replace("/", "_"), space.replace("/", "_")


def started(pid: int) -> str:
    """When a process began, in ticks since the boot; "" if it has ended, or nothing says.

    Where there is no /proc it is "alive" of any process that exists.
    """
    if not Path("/proc/self/stat").exists():
        return "alive" if exists(pid) else ""
    try:
        # The name of the command stands in parentheses, and may hold any character.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *rest = fields.rpartition(")")[2].split()
    return "" if state == ZOMBIE else rest[18]


def exists(pid: int) -> bool:
    """Whether a process of this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
