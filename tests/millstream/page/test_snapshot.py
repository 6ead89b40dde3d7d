"""What the page is told of a folder: of a service that runs, pauses, ends, dies, or never was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from millstream.page.state_folder import MOST_ROUNDS, StateFolder
from millstream.page.words import tell_state
from millstream.pause import Pause, find_pause, is_paused, pause, resume

from . import state

NOW = 1_800_000_000_000
ALIVE = {"phase": "running", "pid": os.getpid(), "updated_ms": NOW, "round": 4, "step": 1}


def a_dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({}, "good", "reading records for round 5"),
        ({"step": 2}, "good", "round 5: cutting its window"),
        ({"step": 4, "epoch": 3, "round": 5}, "good", "round 5: training, 3 epochs done"),
        ({"step": 6, "round": 5}, "good", "round 5: compressing, measuring, publishing"),
        ({"waiting": 2, "waiting_why": "it is away"}, "warn", "2 rounds wait for MLflow: it is"),
        ({"phase": "starting", "note": "reaching Kafka", "updated_ms": 0}, "busy", "reaching"),
        ({"phase": "stopped"}, "idle", "after round 4"),
        ({"phase": "stopped", "round": 0}, "idle", "before its first round"),
        ({"phase": "failed:", "note": "no broker"}, "bad", "no broker"),
        ({"updated_ms": NOW - 25_000}, "warn", "no word for 25 s"),
        ({"updated_ms": NOW + 3_600_000}, "warn", "no word for 3600 s"),
    ],
)
def test_the_state_in_words(changes: dict[str, object], level: str, words: str) -> None:
    told = tell_state({**ALIVE, **changes}, None, NOW)
    assert told.level == level
    assert words in told.detail


def test_a_service_that_was_killed_has_died() -> None:
    live = {**ALIVE, "pid": a_dead_process(), "updated_ms": NOW - 3_000}
    told = tell_state(live, None, NOW)
    assert (told.level, told.title) == ("bad", "Died")
    assert tell_state(None, None, NOW).title == "Not started"


def test_a_pause_lets_the_round_in_progress_end() -> None:
    told = tell_state(ALIVE, Pause(NOW, "ann"), NOW)
    assert (told.level, told.title) == ("paused", "Paused")
    told = tell_state({**ALIVE, "step": 4, "round": 5}, Pause(NOW, "ann"), NOW)
    assert told.title == "Pausing"
    assert "round 5" in told.detail


def test_a_pause_stays_until_it_is_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert not is_paused(folder)
    pause(folder)
    first = find_pause(folder)
    pause(folder)
    assert is_paused(folder)
    assert first == find_pause(folder) is not None
    (folder / "paused.json").write_text("damaged")
    assert find_pause(folder) == Pause()
    resume(folder)
    resume(folder)
    assert find_pause(folder) is None


def test_a_folder_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "nowhere")
    look = folder.look()
    assert look.state["title"] == "Not started"
    assert look.rounds == []
    assert folder.settings() is None
    assert folder.detail(1) is None


def test_rounds_are_told_once_and_again_when_they_are_published(tmp_path: Path) -> None:
    state.status(tmp_path)
    store = state.rounds(tmp_path, 3, published=False)
    folder = StateFolder(tmp_path)
    assert [told["round"] for told in folder.look().rounds] == [1, 2, 3]
    assert folder.rounds[3]["published"] is False
    assert folder.rounds[2]["version"] == 2
    assert folder.look().rounds == []
    store.folder(3).write_published(state.publication(3))
    [told] = folder.look().rounds
    assert (told["round"], told["version"], told["promoted"]) == (3, 3, True)
    state.write_round(store, 4, state.TOPIC)
    assert [told["round"] for told in folder.look().rounds] == [4]
    assert [told["round"] for told in folder.older(3, 100)] == [1, 2]
    assert [told["round"] for told in folder.older(3, 1)] == [2]
    assert MOST_ROUNDS > 4


def test_a_round_that_is_not_done_is_none(tmp_path: Path) -> None:
    store = state.rounds(tmp_path, 2)
    (store.folder(2).path / "DONE").unlink()
    folder = StateFolder(tmp_path)
    assert [told["round"] for told in folder.look().rounds] == [1]
    assert folder.detail(2) is None
    assert [told["round"] for told in folder.older(9, 100)] == [1]


def test_a_round_says_what_became_of_it(tmp_path: Path) -> None:
    state.rounds(tmp_path, 9)
    folder = StateFolder(tmp_path)
    folder.look()
    told = folder.rounds[9]
    assert told["drift"] == "the error rose from 0.11 to 0.19"
    assert told["kinds"] == {"wrong_type": 28, "out_of_range": 12}
    assert told["promoted"] is False
    assert told["verdict"]["bound"] == "compute-bound"
    assert folder.rounds[5]["gaps"] == [[state.TOPIC, 0, 80_000, 80_350]]
    assert folder.rounds[5]["missing"] == 350
    detail = folder.detail(9)
    assert detail is not None
    assert {rung["rung"] for rung in detail["rungs"]} == {*state.RUNGS, "layers_int8"}
    assert len(detail["losses"]["val_loss"]) == told["epochs"]


def test_a_damaged_round_is_told_by_its_fault(tmp_path: Path) -> None:
    store = state.rounds(tmp_path, 2)
    path = store.folder(2).path / "report.json"
    path.write_text(path.read_text().replace("0.5", "0.6"))
    folder = StateFolder(tmp_path)
    folder.look()
    assert "report.json" in folder.rounds[2]["error"]
    assert folder.rounds[1]["version"] == 1


def test_a_lost_round_is_told_as_such_until_it_is_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millstream.page.state_folder.SCAN_EVERY_S", 0.0)
    store = state.rounds(tmp_path, 4)
    lost = store.folder(2).path
    lost.rename(tmp_path / "away")
    (store.folder(4).path / "DONE").rename(tmp_path / "DONE")  # as it is made
    folder = StateFolder(tmp_path)
    assert [told["round"] for told in folder.look().rounds] == [1, 2, 3]
    assert f"{lost}: expected a round" in folder.rounds[2]["error"]
    assert "restore" in folder.rounds[2]["error"]
    assert folder.look().rounds == []
    (tmp_path / "away").rename(lost)
    (tmp_path / "DONE").rename(store.folder(4).path / "DONE")
    assert [told["version"] for told in folder.look().rounds] == [2, 4]
    assert folder.look().rounds == []


def test_losses_are_kept_by_epoch_and_begin_anew_with_a_round(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    for number, epoch in ((5, 0), (5, 1), (5, 1), (5, 2), (6, 0)):
        losses = {"loss": 1 / epoch} if epoch else {}
        state.status(tmp_path, round=number, step=4, epoch=epoch, losses=losses)
        told = folder.look().state
        if (number, epoch) == (5, 2):
            assert [point["epoch"] for point in told["curve"]] == [1, 2]
            assert told["curve"][1]["losses"] == {"loss": 0.5}
    assert (told["curve_round"], told["curve"]) == (6, [])


def test_a_roll_back_is_told_until_something_is_published_after_it(tmp_path: Path) -> None:
    store = state.rounds(tmp_path, 2)
    folder = StateFolder(tmp_path)
    at = int(time.time() * 1000) + 1
    (tmp_path / "rolled-back.json").write_text(f'{{"version": 1, "at_ms": {at}}}')
    assert folder.look().rounds
    assert folder.look().state["rolled_back"]["version"] == 1
    state.write_round(store, 3, state.TOPIC)
    later = time.time() + 60
    os.utime(store.folder(3).path / "published.json", (later, later))
    assert folder.look().rounds
    assert folder.look().state["rolled_back"] is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("status.json", '{"pid": null}'),
        ("status.json", '{"round": "x", "phase": "running"}'),
        ("rolled-back.json", '{"version": 1, "at_ms": "now"}'),
    ],
)
def test_a_file_of_a_form_that_is_not_known_counts_as_none(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    told = StateFolder(tmp_path).look().state
    assert (told["title"], told["rolled_back"]) == ("Not started", None)


def test_a_round_of_a_form_that_is_not_known_is_told_as_such(tmp_path: Path) -> None:
    store = state.rounds(tmp_path, 1)
    folder = store.folder(1).path
    (folder / "published.json").write_text(json.dumps({**state.publication(1), "rungs": "x"}))
    [told] = StateFolder(tmp_path).look().rounds
    assert told["error"]


def test_rounds_that_wait_are_told_once_however_many_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millstream.page.state_folder.MOST_ROUNDS", 2)
    store = state.rounds(tmp_path, 1, published=False)
    folder = StateFolder(tmp_path)
    for number in (2, 3, 4):
        folder.look()
        state.write_round(store, number, state.TOPIC, published=False)
    assert [told["round"] for told in folder.look().rounds] == [4]
    assert folder.look().rounds == []


def test_a_folder_that_goes_away_does_not_hurt(tmp_path: Path) -> None:
    state.status(tmp_path / "s")
    state.rounds(tmp_path / "s", 1)
    folder = StateFolder(tmp_path / "s")
    folder.look()
    shutil.rmtree(tmp_path / "s")
    assert folder.look().state["title"] == "Not started"


def test_the_last_reload_is_told(tmp_path: Path) -> None:
    state.status(tmp_path)
    folder = StateFolder(tmp_path)
    assert folder.look().state["reload"] is None
    told = {"at_ms": NOW, "applied": {"trigger.records": (500, 300)}, "held": (), "refused": ""}
    (tmp_path / "reloads.jsonl").write_text(f"not json\n{json.dumps(told)}\n")
    assert folder.look().state["reload"] == told
