"""Rounds wait in their folders while MLflow is away: in order, bounded, and told of."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from millstream.cli.terminal import console
from millstream.cli.view import live_view
from millstream.publishing import outbox
from millstream.publishing.outbox import deliver, deliver_if_due, rounds_that_wait, tell_waiting
from millstream.publishing.pruning import needed_rounds
from millstream.reach import LONGEST_PAUSE_S, Reach
from millstream.remote.mirror import Here
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.watch.board import Board, LiveState
from registry import StoreError, StoreRefused, StoreUnavailable

from .test_round_store import add_round


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Mlflow:
    """What stands for MLflow: takes rounds, or raises what it is told to."""

    error: StoreError | None = None
    taken: list[int] = field(default_factory=list)
    asked: int = 0

    def publish(self, pipeline: SimpleNamespace, folder: RoundFolder) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        self.taken.append(folder.number)
        pipeline.reach.answered()
        folder.write_published({"version": folder.number, "promoted": True, "reason": ""})


@dataclass
class Stage:
    pipeline: SimpleNamespace
    mlflow: Mlflow
    clock: Clock

    @property
    def live(self) -> LiveState:
        return self.pipeline.board.snapshot()

    def next_round(self, most: int | None = 3) -> None:
        number = len(self.pipeline.store.complete())
        folder = add_round(self.pipeline.store, number, max(0, number - 1), number)
        if number:
            (folder.path / "published.json").unlink()
        deliver(self.pipeline, most)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stage]:
    def make(max_waiting: int = 100) -> Stage:
        clock, mlflow = Clock(), Mlflow()
        monkeypatch.setattr(outbox, "publish_round", mlflow.publish)
        monkeypatch.setattr(outbox, "track_rounds", lambda pipeline: None)
        monkeypatch.setattr("trainer.load", lambda model, weights: None)
        store = RoundStore(tmp_path / "rounds")
        pipeline = SimpleNamespace(
            config=SimpleNamespace(registry=SimpleNamespace(max_waiting=max_waiting)),
            store=store,
            reach=Reach(clock),
            board=Board(None),
            learner=SimpleNamespace(model=None),
            is_chief=True,
            mirror=Here(),
        )
        add_round(store, 0, 0, 0)
        return Stage(pipeline, mlflow, clock)

    return make


def test_rounds_wait_and_are_published_in_order_each_once(stage) -> None:
    s = stage()
    s.next_round()
    s.mlflow.error = StoreUnavailable("no MLflow server answers")
    for _ in range(6):
        s.next_round()
        s.clock.now += LONGEST_PAUSE_S
    assert s.mlflow.taken == [1]
    assert (s.live.waiting, s.live.waiting_why) == (6, "no MLflow server answers")
    s.mlflow.error = None
    s.next_round()
    assert s.mlflow.taken == [1, 2, 3, 4]
    assert s.live.waiting == 4
    for _ in range(9):
        deliver_if_due(s.pipeline)
    assert s.mlflow.taken == list(range(1, 9))
    assert (s.live.waiting, s.live.waiting_why) == (0, "")
    assert rounds_that_wait(s.pipeline.store) == []


def test_who_does_not_answer_is_left_alone_ever_longer(stage) -> None:
    s = stage()
    s.mlflow.error = StoreUnavailable("away")
    s.next_round()
    asked_at = [0.0]
    while s.clock.now < 200:
        s.clock.now += 1
        before = s.mlflow.asked
        deliver_if_due(s.pipeline)
        if s.mlflow.asked > before:
            asked_at.append(s.clock.now)
    assert asked_at == [0, 2, 6, 14, 30, 62, 122, 182]
    s.mlflow.error = None
    s.clock.now += LONGEST_PAUSE_S
    deliver_if_due(s.pipeline)
    s.mlflow.error = StoreUnavailable("away")
    s.next_round()
    asked = s.mlflow.asked
    s.clock.now += 2
    deliver_if_due(s.pipeline)
    assert s.mlflow.asked == asked + 1


def test_the_oldest_of_too_many_are_given_up_and_say_so(stage, caplog) -> None:
    s = stage(max_waiting=2)
    s.mlflow.error = StoreUnavailable("no MLflow server answers")
    for _ in range(4):
        s.next_round()
    assert [folder.number for folder in rounds_that_wait(s.pipeline.store)] == [3, 4]
    given_up = s.pipeline.store.folder(2).published()
    assert given_up == {
        "version": None,
        "promoted": False,
        "reason": "not published: MLflow did not take it, and 2 later rounds wait;"
        " no MLflow server answers",
    }
    assert caplog.text.count("(registry.max_waiting)") == 2
    s.mlflow.error = None
    s.clock.now += LONGEST_PAUSE_S
    s.next_round()
    assert s.mlflow.taken == [3, 4, 5]


def test_each_reason_is_told_once_and_one_for_people_loudly(stage, caplog) -> None:
    s = stage()
    caplog.set_level(logging.INFO, "millstream")
    for error in (
        StoreUnavailable("broken <Connection at 0x7f01>"),
        StoreUnavailable("broken <Connection at 0x7f02>"),
        StoreRefused("who are you"),
        StoreUnavailable("broken <Connection at 0x7f03>"),
        StoreRefused("who are you"),
    ):
        s.mlflow.error = error
        s.next_round()
        s.clock.now += LONGEST_PAUSE_S
    told = [(record.levelname, record.message.partition(";")[0]) for record in caplog.records]
    assert told == [
        ("WARNING", "broken <Connection at 0x7f01>"),
        ("ERROR", "who are you"),
    ]
    assert s.live.waiting_why == "who are you"
    s.mlflow.error = None
    s.next_round(most=None)
    assert "MLflow answers again" in caplog.text
    assert "round 5 has waited and is published: version 5" in caplog.text


def test_at_the_end_all_is_published_that_can_be(stage, caplog) -> None:
    s, stop = stage(), threading.Event()
    tell_waiting(s.pipeline, stop)
    s.mlflow.error = StoreUnavailable("away")
    for _ in range(5):
        s.next_round()
    s.mlflow.error = None
    s.clock.now += LONGEST_PAUSE_S
    stop.set()
    tell_waiting(s.pipeline, stop)
    assert s.mlflow.taken == []
    assert "5 rounds wait to be published; the next start goes on with them" in caplog.text
    stop.clear()
    tell_waiting(s.pipeline, stop)
    assert s.mlflow.taken == [1, 2, 3, 4, 5]
    assert caplog.text.count("rounds wait to be published") == 1


def test_status_says_how_many_wait_and_why() -> None:
    state = LiveState(waiting=3, waiting_why="no MLflow server answers at http://mlflow:5000")
    with console.capture() as shown:
        console.print(live_view(state, [], "auc"), soft_wrap=True)
    assert "3 rounds wait" in shown.get()
    assert "http://mlflow:5000" in shown.get()
    with console.capture() as shown:
        console.print(live_view(LiveState(), [], "auc"))
    assert "wait ·" not in shown.get()


def test_what_versions_need_is_known_without_mlflow(stage) -> None:
    s = stage()
    for _ in range(3):
        s.next_round()
    registered = [SimpleNamespace(round=1), SimpleNamespace(round=3)]
    s.pipeline.registry = SimpleNamespace(versions=lambda: registered)
    assert needed_rounds(s.pipeline, 1) == needed_rounds(s.pipeline, 3) == {1, 3}

    def away() -> None:
        raise StoreUnavailable("away")

    s.pipeline.registry.versions = away
    s.pipeline.store.folder(2).write_published({"version": None})
    assert needed_rounds(s.pipeline, 2) == {0, 1, 3}
    assert s.pipeline.reach.is_due  # it was not asked: there are three rounds
    assert needed_rounds(s.pipeline, 1) == {0, 1, 3}
    assert not s.pipeline.reach.is_due
