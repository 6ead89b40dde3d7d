"""Fault points: places where a test may have the process killed, as a power cut would.

`MILLSTREAM_FAULT=3.after:2` kills the process with SIGKILL the second time it passes the point
`3.after`. Several are given with commas; `4.epoch@1` is meant for the worker of rank 1 alone. With
`MILLSTREAM_FAULT_ONCE`, a folder, each of them fires once in all processes together, so that those
that begin again go on. Unset, a fault point is one dictionary look-up. The points are named by the
steps of the round (`millstream/round.py`), so a kill test covers each of the seven.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

__all__ = ["fault_point"]

_passed: dict[str, int] = {}


def fault_point(name: str) -> None:
    """Die here if the environment asks for it."""
    wanted = os.environ.get("MILLSTREAM_FAULT")
    if not wanted:
        return
    _passed[name] = _passed.get(name, 0) + 1
    for fault in wanted.split(","):
        point, _, rank = fault.partition("@")
        point, _, count = point.partition(":")
        if point == name and _passed[name] >= int(count or 1) and _is_meant(rank):
            if _has_fired(fault):
                continue
            os.kill(os.getpid(), signal.SIGKILL)


def _is_meant(rank: str) -> bool:
    """Whether this process is the worker of that rank; any is, if none is named."""
    if not rank:
        return True
    from millstream.workers.environment import own_rank

    return own_rank() == int(rank)


def _has_fired(fault: str) -> bool:
    """Whether a fault is to fire once and has; else it is noted that it does now."""
    folder = os.environ.get("MILLSTREAM_FAULT_ONCE")
    if not folder:
        return False
    try:
        (Path(folder) / fault.replace(":", "-")).touch(exist_ok=False)
    except FileExistsError:
        return True
    return False
