"""One life of a service: its labels turn, the drift begins a round, then a person begins one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from millstream.config.config import Config, load_config
from millstream.local import open_registry
from millstream.pipeline import open_pipeline
from millstream.replay.replay import replay_round
from millstream.request import Requests, ask
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.service import RunOptions, run_service
from millstream.watch.board import Board

from .project import Project, create_topic, make_project, make_rows

BEFORE = 2
DRIFT = """
[history]
rows = 500
[drift]
detector = { kind = "adwin", delta = 0.01, clock = 8 }
error = "zero_one"
feature_test = "ks"
reaction = { recent = { rounds = 2, half_life = 0.2, history = 0.5 }, from_scratch = true }
"""


@dataclass(frozen=True)
class Life:
    """What is left of the service."""

    config: Config
    rounds: list[RoundFolder]
    board: Board
    replayed: bool


@pytest.fixture(scope="module")
def life(kafka, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Two rounds of 500 records; some with the other label; some, and a request."""
    directory = tmp_path_factory.mktemp("drift")
    project = make_project(directory, kafka.bootstrap_servers, "drift-rounds", epochs=3)
    config = configure(project)
    create_topic(project.servers, project.topic)
    board = Board(config.state_dir / "status.json")

    def stream() -> None:
        for part in range(BEFORE):
            wait_until(lambda done=part: published(config) > done or not done)
            project.produce(make_rows(500, seed=part))
        # They all wait when the rounds before have ended, so none is left for a round of its own.
        project.produce(turned(make_rows(300, seed=7)))
        wait_until(lambda: published(config) > BEFORE + 1)
        ask(config.state_dir)  # before the records, as a look at them may find a drift again
        project.produce(turned(make_rows(100, seed=8)))

    world = threading.Thread(target=stream)
    world.start()
    run_service(config, RunOptions(max_rounds=BEFORE + 2), board, threading.Event())
    world.join()
    pipeline = open_pipeline(config, open_registry(config), Board(directory / "replay.json"))
    replayed = replay_round(pipeline, project.servers, BEFORE + 1).identical
    return Life(config, RoundStore(config.state_dir / "rounds").complete(), board, replayed)


def configure(project: Project) -> Config:
    path = project.directory / "millstream.toml"
    text = path.read_text().replace(
        "seconds = 30", "drift = true\nlook_s = 0.05\nmax_records = 500"
    )
    path.write_text(text + DRIFT)
    return load_config(path)


def turned(rows: list[bytes]) -> list[bytes]:
    """The same records with the other label."""
    swap = {b'"y": true': b'"y": false', b'"y": false': b'"y": true'}
    return [line.replace(old, swap[old]) for line in rows for old in swap if old in line]


def published(config: Config) -> int:
    """Rounds that are published, round 0 among them."""
    rounds = RoundStore(config.state_dir / "rounds").complete()
    return sum(folder.published() is not None for folder in rounds)


def wait_until(there: Callable[[], bool]) -> None:
    until = time.monotonic() + 250
    while not there():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.slow
def test_drift_and_a_person_begin_rounds(life: Life) -> None:
    reasons = [folder.plan().reason for folder in life.rounds[1:]]
    assert reasons[:BEFORE] == ["500 records"] * BEFORE
    assert reasons[BEFORE].startswith("drift: the error rose from 0.")
    assert reasons[BEFORE + 1] == "by hand"
    assert not Requests(life.config.state_dir).is_open()


@pytest.mark.slow
def test_the_round_reacts_in_which_the_drift_was_found(life: Life) -> None:
    plans = [folder.plan() for folder in life.rounds]
    assert [plan.reaction is not None for plan in plans] == [False] * (BEFORE + 1) + [True, True]
    found, rest = plans[-2].reaction, plans[-1].reaction
    assert found.why.startswith("the error rose from 0.")
    assert (found.start, rest.start) == ("scratch", "parent")
    assert found.half_life_ms > 0
    assert rest.why == found.why


@pytest.mark.slow
def test_the_report_tells_what_was_found(life: Life) -> None:
    reports = [folder.report() for folder in life.rounds[1:]]
    found = [report["drift"]["found"] for report in reports]
    assert [bool(why) for why in found] == [False] * BEFORE + [True, False]
    report = reports[BEFORE]
    error = report["drift"]["error"]
    assert error["before"] < 0.4 < error["after"]
    assert report["first_timestamp"] <= error["changed_ms"] <= report["last_timestamp"]
    features = reports[BEFORE - 1]["drift"]["features"]
    assert [each["name"] for each in features] == ["a", "b", "kind"]
    assert not any(each["shifted"] for each in features)
    assert life.board.snapshot().drift == f"round {BEFORE + 1}: {found[BEFORE]}"


@pytest.mark.slow
def test_the_round_that_reacts_replays_bit_for_bit(life: Life) -> None:
    assert life.replayed
