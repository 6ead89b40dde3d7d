"""Gives each worker one core, before it has a thread: Python imports this file when it starts."""

import json
import os

cores = json.loads(os.environ.get("BENCH_CORES", "[]"))
if cores:
    rank = json.loads(os.environ.get("TF_CONFIG") or "{}").get("task", {}).get("index", 0)
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
