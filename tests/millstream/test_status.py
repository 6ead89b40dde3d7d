"""`millstream status` and `top` on a service's files, without a service."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from millstream.cli import commands
from millstream.cli.app import app
from millstream.cli.view_parts import MOST_PARTITIONS, partitions_table
from millstream.errors import UsageError
from millstream.pause import pause
from millstream.watch.flow import PartitionState

from .page.state import partitions, rounds
from .page.state import status as write_status
from .project import Project, make_project

if not app.registered_commands:
    commands.register(app)

LIVE = {
    "model": "fraud",
    "round": 6,
    "step": 4,
    "dead_letters": {"not_json": 3, "null": 1_200},
    "verdict": {"round": 5, "bound": "compute-bound", "sentence": "compute-bound: 3.0 of 4.0 s"},
    "event_to_model": {"p50_s": 14.25, "p95_s": 3_000.0, "version": 5, "note": "clocks differ"},
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A service that runs in this very process, as its files have it."""
    made = make_project(tmp_path, "127.0.0.1:1", "t")
    rounds(made.state_dir, 5)
    write_status(made.state_dir, partitions=partitions(3), **LIVE)
    return made


def shown(project: Project, *arguments: str) -> str:
    config = str(project.directory / "millstream.toml")
    ended = CliRunner().invoke(app, ["status", "-c", config, *arguments])
    assert ended.exit_code == 0, ended.exception
    return ended.output


def test_an_old_state_is_not_shown_as_alive_though_the_process_is_there(project: Project) -> None:
    write_status(project.state_dir, updated_ms=int(time.time() * 1000) - 60_000)
    text = shown(project)
    assert "silent: no word for 60 s" in text
    assert "step" not in text


def test_one_look_tells_partitions_bottleneck_latency_and_reasons(project: Project) -> None:
    text = shown(project)
    assert "step 4 of 7" in text
    assert "clicks[2]" in text
    assert "5,000" in text  # its lag
    assert "round 5 was compute-bound: 3.0 of 4.0 s" in text
    assert "14.2 s median · 50.0 min 95th percentile, from record to version 5" in text
    assert "clocks differ" in text
    assert "null 1,200 · not_json 3" in text
    pause(project.state_dir)
    assert "paused: no round begins" in shown(project)


def test_json_has_the_same_and_all_rounds(project: Project) -> None:
    facts = json.loads(shown(project, "--json"))
    told = {name: {**part, "age_s": 0.0} for name, part in partitions(3).items()}
    assert facts["live"]["partitions"] == told
    assert facts["live"]["verdict"]["bound"] == "compute-bound"
    assert [item["number"] for item in facts["rounds"]] == [1, 2, 3, 4, 5]
    assert facts["rounds"][4]["event_to_model"] == {"p50_s": 15.7, "p95_s": 23.5}
    assert facts["rounds"][4]["verdict"]["setting"]
    assert facts["rounds"][2]["kinds"] == {"wrong_type": 84, "out_of_range": 36}


def test_damaged_rounds_are_named_with_their_remedy_and_the_others_shown(project: Project) -> None:
    assert len(str(project.state_dir)) > 40, "a path that is cut would have no name of a file"
    rounds = project.state_dir / "rounds"
    (rounds / "000002" / "report.json").write_text("{}")
    shutil.rmtree(rounds / "000003")
    (rounds / "000004" / "published.json").write_text("[]")
    text = "".join(shown(project).split())
    for told in (
        "damaged round 2: ",
        "000002/report.json: expected SHA-256",
        "000003: expected a round, as there are later ones, got none of it; restore",
        "round 4: ",
        "got a list; restore the folder from a backup",
        "round 5 was compute-bound",
        "20,000",  # the records of a round that can be shown
    ):
        assert "".join(told.split()) in text
    facts = json.loads(shown(project, "--json"))
    assert [item["number"] for item in facts["rounds"]] == [1, 5]
    assert [item["number"] for item in facts["damaged"]] == [2, 3, 4]


def test_of_many_partitions_those_that_lag_are_shown() -> None:
    many = {f"t[{n}]": PartitionState(1_000, 1_000 - n, n, 0.0) for n in range(40)}
    table = partitions_table(many)
    assert table is not None
    assert table.row_count == MOST_PARTITIONS
    assert table.columns[3]._cells[0] == "39"


def test_what_is_known_of_a_partition_has_its_age_when_it_is_old() -> None:
    old = PartitionState(1_000, 900, 100, 0.0, age_s=300.0)
    new = PartitionState(1_000, 900, 100, 0.0, age_s=0.9)
    table = partitions_table({"t[0]": new, "t[1]": old})
    assert table is not None
    assert table.columns[5]._cells == ["", "5.0 min ago"]
    fresh = partitions_table({"t[0]": new})
    assert fresh is not None
    assert len(fresh.columns) == 5


def test_top_needs_a_terminal(project: Project) -> None:
    config = str(project.directory / "millstream.toml")
    ended = CliRunner().invoke(app, ["top", "-c", config])
    assert isinstance(ended.exception, UsageError)
    assert "expected a terminal" in str(ended.exception)


def test_top_follows_the_files_until_q(project: Project) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [sys.executable, "-m", "millstream", "top", "--every", "0.1"],
        cwd=project.directory,
        env={**os.environ, "COLUMNS": "160", "LINES": "60", "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    try:
        read_until(ours, "step 4 of 7")
        write_status(project.state_dir, partitions=partitions(3), **{**LIVE, "step": 6})
        read_until(ours, "step 6 of 7: gate, compress, publish")
        os.write(ours, b"xq")  # other keys do nothing
        read_until(ours, "\x1b[?1049l")  # the screen is given back
        assert process.wait(timeout=60) == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def read_until(terminal: int, wanted: str) -> None:
    """Read what a command prints until it has printed that; the deadline is for failures."""
    text, deadline = b"", time.monotonic() + 60
    while wanted.encode() not in text:
        assert time.monotonic() < deadline, text.decode(errors="replace")
        if select.select([terminal], [], [], 1.0)[0]:
            text += os.read(terminal, 65_536)
