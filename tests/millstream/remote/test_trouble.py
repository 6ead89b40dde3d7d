"""A store that is slow, fails or cuts the line: training goes on, nothing is published in vain."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from millstream.publishing import outbox
from millstream.publishing.outbox import deliver, deliver_if_due
from millstream.reach import Reach
from millstream.remote import driver
from millstream.remote.lease import holding
from millstream.remote.mirror import StoreMirror
from millstream.remote.objects import ObjectStore
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.watch.board import Board

from .rounds import add_round, files_of, mirrored
from .server import CUT, LOST, Asked, Proxy


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("status", [503, CUT])
def test_rounds_wait_for_the_store_and_are_published_in_order(
    objects: ObjectStore,
    proxy: Proxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    caplog.set_level(logging.INFO, logger="millstream")
    taken: list[int] = []

    def publish(pipeline: SimpleNamespace, folder: RoundFolder) -> None:
        taken.append(folder.number)
        folder.write_published({"version": folder.number, "promoted": True, "reason": ""})

    monkeypatch.setattr(outbox, "publish_round", publish)
    monkeypatch.setattr(outbox, "track_rounds", lambda pipeline: None)
    monkeypatch.setattr("trainer.load", lambda model, weights: None)
    clock, state_dir = Clock(), tmp_path / "a"
    add_round(state_dir, 0)
    with holding(objects, state_dir, 60.0) as lease:
        mirror = StoreMirror(objects, lease, state_dir, 2, clock)
        pipeline = SimpleNamespace(
            config=SimpleNamespace(registry=SimpleNamespace(max_waiting=100)),
            store=RoundStore(state_dir / "rounds"),
            reach=Reach(clock),
            board=Board(None),
            learner=SimpleNamespace(model=None),
            is_chief=True,
            mirror=mirror,
        )
        deliver(pipeline)
        proxy.answer = lambda asked: status if "weights" in asked.path else None
        add_round(state_dir, 1, published=False)
        deliver(pipeline)
        assert (taken, mirror.is_due, mirror.is_full) == ([], False, False)
        live = pipeline.board.snapshot()
        assert live.waiting == 1
        assert "cannot write rounds/000001/weights.npz" in live.waiting_why
        add_round(state_dir, 2, published=False)
        clock.now += 100
        deliver_if_due(pipeline)
        assert (taken, mirror.is_full) == ([], True)
        before = len(proxy.seen)
        deliver_if_due(pipeline)
        assert len(proxy.seen) == before
        proxy.answer = lambda asked: None
        clock.now += 100
        deliver_if_due(pipeline)
        deliver_if_due(pipeline)
        assert (taken, mirror.is_full, mirror.why) == ([1, 2], False, "")
        assert pipeline.board.snapshot().waiting == 0
    with mirrored(objects, tmp_path / "b"):
        assert files_of(tmp_path / "b") == files_of(state_dir)
    told = [record.getMessage() for record in caplog.records]
    assert sum("training goes on, and rounds wait" in line for line in told) == 1
    assert sum("answers again" in line for line in told) == 1
    assert "hidden-secret" not in caplog.text


def test_an_answer_that_was_lost_is_no_other_service(
    objects: ObjectStore, proxy: Proxy, tmp_path: Path
) -> None:
    """The manifest was created, and the store refuses to do it again."""
    lost: list[str] = []

    def lose(asked: Asked) -> int | None:
        if asked.method == "PUT" and asked.path.endswith("/SAVED") and not lost:
            lost.append(asked.path)
            return LOST
        return None

    add_round(tmp_path / "a", 0)
    with mirrored(objects, tmp_path / "a") as mirror:
        proxy.answer = lose
        mirror.save()
        assert (len(lost), mirror.why) == (1, "")
    asked = [one.method for one in proxy.seen if one.path.endswith("/SAVED")]
    assert asked.count("PUT") == 2


def test_a_store_that_hangs_is_given_up(
    address: str, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "ANSWER_S", 1.0)
    add_round(tmp_path / "a", 0)
    with mirrored(ObjectStore(address), tmp_path / "a") as mirror:
        proxy.delay_s = 4.0
        mirror.save()
        assert "cannot write rounds/000000/" in mirror.why
        proxy.delay_s = 0.0


def test_a_slow_store_is_only_slow(objects: ObjectStore, proxy: Proxy, tmp_path: Path) -> None:
    proxy.delay_s = 0.1
    add_round(tmp_path / "a", 0)
    with mirrored(objects, tmp_path / "a") as mirror:
        mirror.save()
        assert mirror.why == ""
