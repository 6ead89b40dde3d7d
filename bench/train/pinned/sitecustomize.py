"""Gives each worker one core, before it has a thread: Python imports this file when it starts.

Workers are forked from a process that has no rank: each is told its own by TF_CONFIG after that.
"""

import json
import os
import sys

CORES = json.loads(os.environ.get("BENCH_CORES", "[]"))


def pin(config: str) -> None:
    rank = json.loads(config or "{}").get("task", {}).get("index", 0)
    os.sched_setaffinity(0, {CORES[rank % len(CORES)]})


def hear(event: str, arguments: tuple) -> None:
    if event == "os.putenv" and arguments[0] == b"TF_CONFIG":
        pin(arguments[1].decode())


if CORES:
    pin(os.environ.get("TF_CONFIG", ""))
    sys.addaudithook(hear)
