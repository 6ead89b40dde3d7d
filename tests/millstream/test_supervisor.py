"""Workers that die or hang begin again together; here they are small programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from millstream.errors import UsageError, WorkersError
from millstream.workers import supervisor
from millstream.workers.beat import Beat
from millstream.workers.environment import (
    SUPERVISED,
    local_environments,
    own_rank,
    supervisor_of,
    worker_count,
)
from millstream.workers.supervisor import LOST_PEER, Crew, supervise

# A worker that notes its start, then does what its rank and its start number are told to do.
WORKER = """
import json, os, signal, sys, time
from pathlib import Path
from millstream.workers.beat import beating, is_up, unhurried
from millstream.workers.environment import supervisor_of

folder, acts = Path(sys.argv[1]), json.loads(sys.argv[2])
rank = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
starts = folder / f"{rank}.starts"
starts.write_text(starts.read_text() + "x" if starts.exists() else "x")
number = len(starts.read_text()) - 1
act = acts[rank][min(number, len(acts[rank]) - 1)]
with beating(folder / f"{rank}.beat", folder / f"{rank}.native.log", supervisor_of()):
    if act != "join":
        is_up(folder / f"{rank}.beat")
    if act in ("stop", "stop badly"):
        die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        signal.signal(signal.SIGTERM, die if act == "stop badly" else lambda *_: sys.exit(0))
        (folder / f"{rank}.up").touch()
        time.sleep(60)
    elif act == "convert":
        with unhurried(folder / f"{rank}.beat"):
            os.kill(os.getpid(), signal.SIGSTOP)
    elif act in ("freeze", "join"):
        os.kill(os.getpid(), signal.SIGSTOP)
    elif act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif act == "wait":
        (folder / f"{rank}.up").touch()
        time.sleep(60)
    elif act != "leave":
        time.sleep(float(act[1]))
        sys.exit(act[0])
if act == "leave":
    time.sleep(60)
"""
AWAY = [4, 0.1]
DONE, LOST, REFUSED = [0, 0.3], [LOST_PEER, 0.1], [2, 0.1]


def crew(folder: Path, *acts: list, rounds=lambda: 0) -> Crew:
    script = folder / "worker.py"
    script.write_text(WORKER)
    command = [sys.executable, str(script), str(folder), json.dumps(acts)]

    def begin(rank: int, variables: Mapping[str, str], output: Path | None) -> subprocess.Popen:
        own = {SUPERVISED: str(os.getpid()), **variables}
        return subprocess.Popen(command, env={**os.environ, **own})

    return Crew(begin, len(acts), folder, rounds)


def starts(folder: Path, rank: int) -> int:
    return len((folder / f"{rank}.starts").read_text())


def stop_when_all_beat(folder: Path) -> threading.Event:
    """Set once two workers have begun."""
    stop = threading.Event()

    def wait() -> None:
        while not all((folder / f"{rank}.up").exists() for rank in (0, 1)):
            time.sleep(0.05)
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    return stop


def test_all_end_well(tmp_path):
    assert supervise(crew(tmp_path, [DONE], [DONE]), threading.Event()) == 0
    assert (starts(tmp_path, 0), starts(tmp_path, 1)) == (1, 1)


def test_a_killed_worker_begins_again_with_the_others(tmp_path, caplog):
    assert supervise(crew(tmp_path, [LOST, DONE], ["kill", DONE]), threading.Event()) == 0
    assert (starts(tmp_path, 0), starts(tmp_path, 1)) == (2, 2)
    assert "worker 1 was ended by SIGKILL" in caplog.text


def test_what_still_waits_for_a_lost_one_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "GRACE_S", 0.2)
    assert supervise(crew(tmp_path, ["wait", DONE], ["kill", DONE]), threading.Event()) == 0
    assert starts(tmp_path, 0) == 2


def test_one_that_hangs_leaves_its_stacks(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(supervisor, "MOST_SILENCE_S", 2.0)
    monkeypatch.setattr(supervisor, "GRACE_S", 1.0)
    assert supervise(crew(tmp_path, ["wait", DONE], ["freeze", DONE]), threading.Event()) == 0
    assert "worker 1 hung for 2 s" in caplog.text
    assert "worker.py" in (tmp_path / "1.native.log").read_text()
    assert str(tmp_path / "1.native.log") in caplog.text


def test_one_that_has_said_so_may_be_silent_for_longer(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(supervisor, "MOST_SILENCE_S", 1.5)
    monkeypatch.setattr(supervisor, "MOST_UNHURRIED_S", 3.0)
    monkeypatch.setattr(supervisor, "GRACE_S", 0.2)
    assert supervise(crew(tmp_path, ["convert", DONE]), threading.Event()) == 0
    assert "worker 0 hung for 3 s" in caplog.text


def test_one_that_is_not_up_yet_may_wait_for_others(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(supervisor, "MOST_SILENCE_S", 1.5)
    monkeypatch.setattr(supervisor, "MOST_START_S", 3.0)
    monkeypatch.setattr(supervisor, "GRACE_S", 0.2)
    assert supervise(crew(tmp_path, ["join", DONE]), threading.Event()) == 0
    assert "worker 0 hung for 3 s" in caplog.text


def test_a_worker_that_gives_up_ends_all(tmp_path):
    assert supervise(crew(tmp_path, [LOST], [REFUSED]), threading.Event()) == 2
    assert starts(tmp_path, 0) == 1


def test_a_broker_that_was_in_reach_before_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "PAUSE_S", 0.1)
    assert supervise(crew(tmp_path, ["kill", AWAY, AWAY, DONE]), threading.Event()) == 0
    assert starts(tmp_path, 0) == 4


def test_a_broker_that_never_was_in_reach_is_not(tmp_path):
    assert supervise(crew(tmp_path, [AWAY]), threading.Event()) == 4
    assert starts(tmp_path, 0) == 1


def test_nor_is_one_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "PAUSE_S", 0.1)
    assert supervise(crew(tmp_path, ["kill", AWAY]), threading.Event()) == 4
    assert starts(tmp_path, 0) == supervisor.MOST_FAILURES + 1


def test_those_that_there_are_go_on(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(supervisor, "MOST_FAILURES", 1)
    assert supervise(crew(tmp_path, [LOST, LOST, DONE], ["kill"]), threading.Event()) == 0
    assert (starts(tmp_path, 0), starts(tmp_path, 1)) == (3, 2)
    assert "going on with 1 workers" in caplog.text


def test_no_end_of_deaths_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "MOST_FAILURES", 1)
    with pytest.raises(WorkersError, match=r"worker 0 was ended by SIGKILL.*2 times"):
        supervise(crew(tmp_path, ["kill"]), threading.Event())


def test_deaths_with_rounds_in_between_are_not_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "MOST_FAILURES", 1)
    rounds = iter(range(100))
    acts = ["kill"] * 4 + [DONE]
    assert supervise(crew(tmp_path, acts, rounds=lambda: next(rounds)), threading.Event()) == 0
    assert starts(tmp_path, 0) == 5


def test_a_stop_is_passed_on(tmp_path):
    assert supervise(crew(tmp_path, ["stop"], ["stop"]), stop_when_all_beat(tmp_path)) == 0


def test_a_stop_before_workers_can_begin_begins_none(tmp_path, caplog):
    stop, looks = threading.Event(), []

    def ready(seconds: float) -> bool:
        looks.append(seconds)
        if len(looks) == 3:
            stop.set()
        return False

    made = replace(crew(tmp_path, [DONE], [DONE]), ready=ready)
    assert supervise(made, stop) == 0
    assert len(looks) == 3
    assert not list(tmp_path.glob("*.starts"))
    assert caplog.text == ""


def test_workers_that_are_stopped_as_they_begin_are_nothing_to_warn_of(
    tmp_path, monkeypatch, caplog
):
    """They have no handler yet."""
    monkeypatch.setattr(supervisor, "GRACE_S", 60.0)
    made = crew(tmp_path, ["wait", DONE], ["wait", DONE])
    assert supervise(made, stop_when_all_beat(tmp_path)) == 0
    assert (starts(tmp_path, 0), starts(tmp_path, 1)) == (1, 1)
    assert caplog.text == ""


def test_after_a_stop_nothing_begins_again(tmp_path, caplog):
    made = crew(tmp_path, ["stop badly", DONE], ["stop", DONE])
    assert supervise(made, stop_when_all_beat(tmp_path)) == 0
    assert (starts(tmp_path, 0), starts(tmp_path, 1)) == (1, 1)
    assert "worker 0 was ended by SIGKILL; the rounds that are complete" in caplog.text


def test_one_that_does_not_come_to_its_end_is_ended(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(supervisor, "MOST_ABSENCE_S", 3.0)
    monkeypatch.setattr(supervisor, "GRACE_S", 0.2)
    assert supervise(crew(tmp_path, ["wait", DONE], ["leave", DONE]), threading.Event()) == 0
    assert "worker 1 hung for 3 s" in caplog.text


def test_a_long_log_gives_way_to_a_new_one(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "MOST_LOG_BYTES", 9)
    (tmp_path / "0.log").write_text("0123456789")
    (tmp_path / "1.log").write_text("012345678")
    assert supervise(crew(tmp_path, [DONE], [DONE]), threading.Event()) == 0
    assert (tmp_path / "0.log.1").read_text() == "0123456789"
    assert (tmp_path / "1.log").read_text() == "012345678"


def test_workers_end_with_their_supervisor(tmp_path):
    made = crew(tmp_path, ["wait"], ["wait"])
    pid = os.fork()
    if pid == 0:
        supervise(made, threading.Event())
        os._exit(0)
    beats = [Beat(tmp_path / f"{rank}.beat") for rank in (0, 1)]
    deadline = time.monotonic() + 30
    while not all((tmp_path / f"{rank}.beat").exists() for rank in (0, 1)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while not all(beat.silence() > 1.2 for beat in beats):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_local_workers_know_their_ranks():
    made = local_environments(3)
    assert [own_rank(each) for each in made] == [0, 1, 2]
    assert {worker_count(each) for each in made} == {3}
    assert supervisor_of({SUPERVISED: "7"}) == 7
    assert len({each["TF_CONFIG"].split('"task"')[0] for each in made}) == 1
    assert (worker_count({}), own_rank({}), supervisor_of({})) == (1, 0, None)
    with_chief = {"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}}
    for task, rank in (("chief", 0), 0), (("worker", 0), 1), (("worker", 1), 2):
        text = json.dumps({**with_chief, "task": {"type": task[0], "index": str(task[1])}})
        assert own_rank({"TF_CONFIG": text}) == rank
    with pytest.raises(UsageError, match="expected JSON"):
        worker_count({"TF_CONFIG": "{"})
