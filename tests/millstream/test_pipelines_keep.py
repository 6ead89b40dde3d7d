"""Pipelines that die begin again by themselves; here they are small programs."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from millstream.pipelines import keep as pipelines_keep
from millstream.pipelines.keep import Kept, keep

# Notes each start in a file, then ends as its start number says, or stays until SIGTERM.
PROGRAM = """
import os, signal, sys, time
from pathlib import Path

starts, acts = Path(sys.argv[1]), sys.argv[2].split(",")
with starts.open("a") as file:
    file.write("x")
act = acts[min(starts.stat().st_size, len(acts)) - 1]
if act == "stay":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    starts.with_suffix(".up").touch()
    time.sleep(60)
elif act.startswith("-"):
    os.kill(os.getpid(), -int(act))
sys.exit(int(act))
"""


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines_keep, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(pipelines_keep, "MOST_PAUSE_S", 0.02)
    monkeypatch.setattr(pipelines_keep, "LOOK_EVERY_S", 0.01)


class Programs:
    """Pipelines of a test, and how often each has begun."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, list[subprocess.Popen]] = {}

    def kept(self, name: str, acts: str, rounds=lambda: 0) -> Kept:
        def begin() -> subprocess.Popen:
            command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(self.folder / name), acts]
            self.processes.setdefault(name, []).append(subprocess.Popen(command))
            return self.processes[name][-1]

        return Kept(name, begin, rounds)

    def starts(self, name: str) -> int:
        return len(self.processes[name])


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def test_what_may_pass_is_tried_again_and_the_rest_is_left(programs: Programs) -> None:
    kept = [
        programs.kept("done", "0"),
        programs.kept("killed", "-9,4,1,0"),
        programs.kept("refused", "2"),
        programs.kept("full", "3"),
    ]
    assert keep(kept, threading.Event()) == 3
    starts = {name: programs.starts(name) for name in programs.processes}
    assert starts == {"done": 1, "killed": 4, "refused": 1, "full": 1}


def test_one_that_fails_each_time_is_given_up_unless_rounds_go_on(programs: Programs) -> None:
    assert keep([programs.kept("fails", "1")], threading.Event()) == 1
    assert programs.starts("fails") == pipelines_keep.MOST_FAILURES

    def rounds() -> int:
        return len(programs.processes.get("slow", []))

    acts = ",".join(["1"] * (pipelines_keep.MOST_FAILURES + 3) + ["0"])
    assert keep([programs.kept("slow", acts, rounds)], threading.Event()) == 0
    assert programs.starts("slow") == pipelines_keep.MOST_FAILURES + 4


def test_a_death_touches_no_other_and_a_stop_ends_all(programs: Programs) -> None:
    kept = [programs.kept("one", "-9,stay"), programs.kept("two", "stay")]
    stop, codes = threading.Event(), []
    thread = threading.Thread(target=lambda: codes.append(keep(kept, stop)))
    thread.start()
    deadline = time.monotonic() + 60
    while not all((programs.folder / f"{name}.up").exists() for name in ("one", "two")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert (programs.starts("one"), programs.starts("two")) == (2, 1)
    stop.set()
    thread.join(60)
    assert codes == [0]
    assert [each.returncode for each in programs.processes["one"]] == [-signal.SIGKILL, 0]


def test_how_one_ended_before_a_stop_counts(programs: Programs) -> None:
    stop = threading.Event()

    def rounds() -> int:
        if "away" in programs.processes:
            stop.set()
        return 0

    assert keep([programs.kept("away", "4", rounds)], stop) == 4
    stop.clear()
    programs.processes.clear()
    assert keep([programs.kept("away", "-9", rounds)], stop) == 128 + signal.SIGKILL
