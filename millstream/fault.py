"""Fault points: places where a test may have the process killed, as a power cut would.

`MILLSTREAM_FAULT=3.after:2` kills the process with SIGKILL the second time it passes the point
`3.after`. Unset, a fault point is one dictionary look-up. The points are named by the steps of the
round (`millstream/round.py`), so a kill test covers each of the seven.
"""

from __future__ import annotations

import os
import signal

__all__ = ["fault_point"]

_passed: dict[str, int] = {}


def fault_point(name: str) -> None:
    """Die here if the environment asks for it."""
    wanted = os.environ.get("MILLSTREAM_FAULT")
    if not wanted:
        return
    point, _, count = wanted.partition(":")
    if point == name:
        _passed[name] = _passed.get(name, 0) + 1
        if _passed[name] >= int(count or 1):
            os.kill(os.getpid(), signal.SIGKILL)
