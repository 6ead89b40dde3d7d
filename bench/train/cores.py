"""What two cores are worth: two loops that share nothing, over one alone.

A virtual machine's cores are a part of a larger machine's. Two of them may come to no more than one
and a half, and to another number minutes later; then two workers cannot come to more, either.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["apart", "two_cores_vs_one", "whole"]

TOPOLOGY = Path("/sys/devices/system/cpu")

LOOP = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
print("ready", flush=True)
sys.stdin.readline()
rounds, end = 0, time.perf_counter() + float(sys.argv[2])
while time.perf_counter() < end:
    sum(range(20_000))
    rounds += 1
print(rounds)
"""


def two_cores_vs_one(seconds: float = 1.0) -> float:
    """The rate of two loops at once, a core for each, over that of one; 1 if there is but one core.

    Args:
        seconds: that each loop lasts; there are three.
    """
    cores = apart()
    if len(cores) < 2:
        return 1.0
    first, second = cores[:2]
    alone = (loops([first], seconds) + loops([second], seconds)) / 2
    return loops([first, second], seconds) / alone


def apart() -> list[int]:
    """The cores that this process may use, those that share a core with an earlier one last.

    Two hyperthreads of one core come to much less than two.
    """
    first = whole()
    return first + sorted(os.sched_getaffinity(0) - set(first))


def whole() -> list[int]:
    """One core of each whose parts hyperthreads share."""
    found: dict[str, int] = {}
    for core in sorted(os.sched_getaffinity(0)):
        try:
            siblings = (TOPOLOGY / f"cpu{core}/topology/thread_siblings_list").read_text()
        except OSError:
            siblings = str(core)
        found.setdefault(siblings, core)
    return sorted(found.values())


def loops(cores: list[int], seconds: float) -> int:
    """How often loops on these cores at once come round, all together."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", LOOP, str(core), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for core in cores
    ]
    for each in running:
        each.stdout.readline()  # type: ignore[union-attr]
    for each in running:
        each.stdin.write("\n")  # type: ignore[union-attr]
        each.stdin.flush()  # type: ignore[union-attr]
    return sum(int(each.communicate()[0]) for each in running)
