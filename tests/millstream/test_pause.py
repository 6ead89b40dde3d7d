"""A pause: no round begins, whatever asks for it, on any worker; `test_chromium` has a service."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from ingest import IntakeSeconds, IntakeTotals
from millstream.cli import commands
from millstream.cli.app import app
from millstream.pause import is_paused
from millstream.remote.mirror import Here
from millstream.request import Requests
from millstream.service import agree, reason_for_round
from millstream.watch.board import Board
from millstream.workers.signals import Signals, agree_on_signals
from trainer import HandTrigger, RecordsTrigger, Waiting, run_workers
from trainer.distribution.communicator import Alone

from .project import make_project

if not app.registered_commands:
    commands.register(app)

NOW = Signals(Waiting(500, 9.0), True, 500, 0, 0, 0, stop=False, paused=False, now=1.0)


class FillingIntake:
    """500 records come after the first look at those that wait, and fill the window."""

    def __init__(self) -> None:
        self.records = 0

    def pending(self) -> tuple[int, float]:
        records, self.records = self.records, 500
        return records, 0.0

    def is_full(self) -> bool:
        return self.records == 500

    def totals(self) -> IntakeTotals:
        return IntakeTotals(self.records)

    def seconds(self) -> IntakeSeconds:
        return IntakeSeconds()

    def lag(self) -> int:
        return 0


def told(directory: Path, *command: str) -> str:
    ended = CliRunner().invoke(app, [*command, "-c", str(directory / "millstream.toml")])
    assert ended.exit_code == 0, ended.output
    return ended.output


@pytest.mark.parametrize(
    ("trigger", "waiting", "is_idle"),
    [
        (RecordsTrigger(500), Waiting(500, 9.0), False),
        (RecordsTrigger(501), Waiting(500, 9.0), False),  # no more fit
        (RecordsTrigger(501), Waiting(500, 9.0), True),
        (HandTrigger(), Waiting(500, 9.0, by_hand=True), False),
    ],
)
def test_no_round_begins_for_any_reason(trigger, waiting: Waiting, is_idle: bool) -> None:
    now = replace(NOW, waiting=waiting)
    assert reason_for_round(trigger, now, is_idle)
    assert reason_for_round(trigger, replace(now, paused=True), is_idle) is None


def test_a_window_that_fills_while_it_is_looked_at_is_full_at_the_next_look(tmp_path: Path) -> None:
    """Else a round began for no records, with those that came since."""
    intake, outlook = FillingIntake(), SimpleNamespace()
    outlook.waiting = lambda _: Waiting(*intake.pending())
    running = SimpleNamespace(
        intake=intake,
        pipeline=SimpleNamespace(
            config=SimpleNamespace(state_dir=tmp_path),
            mirror=Here(),
            is_chief=True,
            workers=Alone(),
        ),
        stop=threading.Event(),
        flow=SimpleNamespace(news=dict),
        readings=SimpleNamespace(hear=lambda _: None),
        spent=None,
    )
    told = [agree(running, outlook, None) for _ in range(2)]
    assert [(now.full, now.waiting.records) for now in told] == [(False, 0), (True, 500)]


def test_what_the_first_worker_finds_paused_all_do() -> None:
    def work(workers):
        own = replace(NOW, paused=workers.rank == 0)
        other = replace(NOW, paused=workers.rank == 1)
        return agree_on_signals(own, workers).paused, agree_on_signals(other, workers).paused

    assert run_workers(3, work) == [(True, False)] * 3


def test_it_is_asked_for_by_commands(tmp_path: Path) -> None:
    state_dir = make_project(tmp_path, "localhost:1", "nothing").state_dir
    assert "it was not paused" in told(tmp_path, "resume")
    assert "no round begins" in told(tmp_path, "pause")
    assert is_paused(state_dir)
    board = Board(state_dir / "status.json")
    board.update(phase="running", pending=3)
    board.save()
    assert "once `millstream resume`" in told(tmp_path, "trigger")
    assert "paused" in told(tmp_path, "status")
    assert Requests(state_dir).is_open()
    assert "resumed" in told(tmp_path, "resume")
    assert not is_paused(state_dir)
