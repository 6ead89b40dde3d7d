"""Requests for a round, by hand; `test_drift_rounds` has a service that answers one."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from typer.testing import CliRunner

from millstream.cli import commands
from millstream.cli.app import app
from millstream.errors import NotRunningError
from millstream.request import Requests, ask
from millstream.watch.board import Board

from .project import make_project

if not app.registered_commands:
    commands.register(app)


def command(directory: Path):
    """`millstream trigger`, as it ends."""
    return CliRunner().invoke(app, ["trigger", "-c", str(directory / "millstream.toml")])


def test_without_a_service_it_says_so(tmp_path: Path) -> None:
    project = make_project(tmp_path, "localhost:1", "nobody")
    ended = command(tmp_path)
    assert isinstance(ended.exception, NotRunningError)
    assert "no service is running" in str(ended.exception)
    project.state_dir.mkdir()
    board = Board(project.state_dir / "status.json")
    board.update(phase="stopped")
    board.save()
    assert isinstance(command(tmp_path).exception, NotRunningError)
    assert not Requests(project.state_dir).is_open()


def test_without_a_record_the_request_waits(tmp_path: Path) -> None:
    project = make_project(tmp_path, "localhost:1", "nothing")
    project.state_dir.mkdir()
    board = Board(project.state_dir / "status.json")
    board.update(phase="running", pending=0)
    board.save()
    ended = command(tmp_path)
    assert ended.exit_code == 0
    assert Requests(project.state_dir).is_open()


def test_a_service_of_another_user_can_read_the_request(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        ask(tmp_path)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()] == [0o644]


def test_a_round_answers_what_was_asked_before_it_and_no_more(tmp_path: Path) -> None:
    requests = Requests(tmp_path)
    assert not requests.is_open()
    ask(tmp_path)
    ask(tmp_path)
    assert requests.is_open()
    requests.answer()
    assert not requests.is_open()
    ask(tmp_path)
    assert requests.is_open()
    ask(tmp_path)  # while the round trains
    requests.answer()
    assert requests.is_open()


def test_one_that_is_answered_at_once_is_no_fault(tmp_path: Path) -> None:
    over, answered = threading.Event(), []

    def answer() -> None:
        requests = Requests(tmp_path)
        while not over.is_set():
            if requests.is_open():
                answered.append(True)
                requests.answer()

    service = threading.Thread(target=answer)
    service.start()
    try:
        for _ in range(300):
            ask(tmp_path)
    finally:
        over.set()
        service.join()
    assert answered
