"""Workers forked from one process: their variables, output, ends, and whom they die with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from millstream.watch.processes import is_alive

# Begins workers in a process that has no thread; what a worker does is told by its variables.
LOOKS_AFTER = """
import json, os, signal, sys, time
from pathlib import Path
from millstream.errors import WorkersError
from millstream.workers import fork_server
from millstream.workers.supervisor import code_of

fork_server.LIBRARIES = ("decimal", "loud")
folder = Path(sys.argv[1])
(folder / "loud.py").write_text("import os; os.write(2, b'of a library')")
sys.path.append(str(folder))


def work(parent):
    assert (os.getppid(), "decimal" in sys.modules) == (parent, True)
    assert os.environ["SHARED"] == "of all"
    match os.environ["ACT"]:
        case "say":
            print(os.environ["ACT"], Path("/proc/self/comm").read_text(), flush=True)
        case "exit":
            sys.exit(3)
        case "raise":
            raise ValueError("a fault")
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "wait":
            time.sleep(60)


os.environ["SHARED"] = "of all"
with fork_server.fork_server(work, folder / "native.log") as begun:
    def begin(rank, act, own=True):
        return begun.begin(rank, {"ACT": act}, folder / f"{rank}.log" if own else None)
"""


def run(folder: Path, body: str) -> subprocess.Popen[str]:
    indented = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return subprocess.Popen(
        [sys.executable, "-c", LOOKS_AFTER + indented, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(folder: Path, body: str) -> object:
    process = run(folder, body)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return json.loads(output)


def test_each_worker_has_its_variables_its_output_and_its_end(tmp_path: Path) -> None:
    codes = done(
        tmp_path,
        """
workers = [begin(rank, act) for rank, act in enumerate(["say", "exit", "raise", "kill"])]
print(json.dumps([code_of(worker) for worker in workers]))
""",
    )
    assert codes == [0, 3, 1, -signal.SIGKILL]
    assert (tmp_path / "0.log").read_text().split() == ["say", "worker", "0"]
    assert "ValueError: a fault" in (tmp_path / "2.log").read_text()


def test_what_libraries_print_is_in_no_workers_output(tmp_path: Path) -> None:
    process = run(
        tmp_path,
        """
codes = [code_of(begin(rank, "raise", own)) for rank, own in enumerate((True, False))]
print(json.dumps(codes))
""",
    )
    output, errors = process.communicate(timeout=60)
    assert json.loads(output) == [1, 1]
    assert (tmp_path / "native.log").read_text() == "of a library"
    assert "ValueError: a fault" in errors
    assert "of a library" not in errors + (tmp_path / "0.log").read_text()


THREADS = """
import importlib, threading
from millstream.workers.fork_server import LIBRARIES
for name in LIBRARIES:
    importlib.import_module(name)
from tensorflow.python.eager import context
print(threading.active_count(), context.context()._initialized)
"""


def test_what_workers_are_forked_from_has_begun_nothing() -> None:
    command = [sys.executable, "-c", THREADS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["1", "False"]


def test_signals_reach_workers_and_not_what_they_come_from(tmp_path: Path) -> None:
    codes = done(
        tmp_path,
        """
workers = [begin(rank, "wait") for rank in (0, 1)]
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    os.kill(begun.pid, number)
os.kill(workers[1].pid, signal.SIGHUP)  # of a terminal that closes: the supervisor sees to it
os.kill(workers[0].pid, signal.SIGTERM)
ended = code_of(workers[0])
again = begin(0, "say")
print(json.dumps([ended, code_of(again), workers[1].poll()]))
""",
    )
    assert codes == [-signal.SIGTERM, 0, None]


def test_no_worker_is_too_young_for_a_signal(tmp_path: Path) -> None:
    codes = done(
        tmp_path,
        """
young = []
for rank in range(20):
    young.append(begin(rank, "wait"))
    os.kill(young[-1].pid, signal.SIGTERM)
print(json.dumps([code_of(worker) for worker in young]))
""",
    )
    assert codes == [-signal.SIGTERM] * 20


@pytest.mark.parametrize("killed", ["begun.pid", "os.getpid()"])
def test_workers_end_with_what_they_come_from(tmp_path: Path, killed: str) -> None:
    process = run(
        tmp_path,
        f"""
workers = [begin(rank, "wait") for rank in (0, 1)]
print(json.dumps([begun.pid, *(worker.pid for worker in workers)]), flush=True)
os.kill({killed}, signal.SIGKILL)
print([code_of(worker) for worker in workers], flush=True)
begin(0, "say")
""",
    )
    output, errors = process.communicate(timeout=60)
    pids = json.loads(output.splitlines()[0])
    deadline = time.monotonic() + 30
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if killed == "begun.pid":
        assert output.splitlines()[1] == "[-9, -9]"
        assert f"process {pids[0]}, which workers are forked from, is gone" in errors
    else:
        assert process.returncode == -signal.SIGKILL


def test_what_still_runs_at_the_end_is_ended(tmp_path: Path) -> None:
    pids = done(
        tmp_path,
        """
print(json.dumps([begun.pid, begin(0, "wait").pid]))
""",
    )
    assert not any(is_alive(pid) for pid in pids)


def test_libraries_that_nobody_waits_for_are_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time; time.sleep(300)")
    told = done(
        tmp_path,
        """
was_ready = begun.ready()
fork_server.LIBRARIES = ("slow",)
with fork_server.fork_server(work) as slow:
    is_ready = slow.ready(0.2)
print(json.dumps([begun.pid, was_ready, slow.pid, is_ready]))
""",
    )
    assert told[1::2] == [True, False]
    assert not any(is_alive(pid) for pid in told[::2])
