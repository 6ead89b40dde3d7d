"""Statistics in the rounds: whose they are, what they weigh, and what becomes of them."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest import Field, Position, Rows, Schema, Statistics, Window
from ingest.window import Counts
from millstream.config.config import load_config
from millstream.errors import RoundStoreError
from millstream.feature_statistics import statistics_of, with_window
from millstream.local import open_registry
from millstream.pipeline import make_schema, open_pipeline
from millstream.replay.replay import replay_round
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.service import RunOptions, run_service
from millstream.watch.board import Board

from .project import Project, create_topic, make_project, make_rows, normalize
from .test_round_store import add_round

ROUNDS, DIVERGED = 4, 3
SCHEMA = Schema((Field("x", "float32"), Field("y", "bool", "label")))


def make_window(values: list[float], each: float = 1.0) -> Window:
    """A window whose rows stand for `each` records."""
    count = len(values)
    zeros, offsets = np.zeros(count, np.int32), np.arange(count)
    columns = {"x": np.array(values, np.float32), "y": np.zeros(count, np.bool_)}
    rows = Rows(("t",), zeros, zeros, offsets, offsets, columns)
    at, empty = Position({"t": {0: 0}}), Rows.empty(SCHEMA, ["t"])
    window = Window(at, at, (), Counts(), rows, empty, empty, None, None)
    return replace(window, train_weights=np.full(count, each))


def make_folder(path: Path, statistics: object = None, *, told: bool = True) -> RoundFolder:
    folder = RoundFolder(path / "000007")
    folder.path.mkdir()
    folder.write_report({"statistics": {"rows": 1}} if told else {})
    if statistics is not None:
        (folder.path / "statistics.json").write_text(json.dumps(statistics))
    return folder


def test_a_row_weighs_what_it_stands_for() -> None:
    first = with_window(Statistics.empty(SCHEMA), make_window([1.0, 3.0], each=500))
    both = with_window(first, make_window([5.0] * 10))
    assert (both.rows, both.weight) == (12, 1010)
    assert both.mean("x") == pytest.approx((2 * 1000 + 5 * 10) / 1010)


def test_a_window_without_rows_changes_nothing() -> None:
    first = with_window(Statistics.empty(SCHEMA), make_window([1.0, 3.0]))
    assert with_window(first, make_window([])).to_json() == first.to_json()


def test_a_round_keeps_its_statistics(tmp_path: Path) -> None:
    known = with_window(Statistics.empty(SCHEMA), make_window([0.1, 0.3], each=1.7))
    folder = make_folder(tmp_path)
    folder.write_statistics(known.to_json())
    assert statistics_of(SCHEMA, folder).to_json() == known.to_json()


def test_rounds_that_knew_of_none_begin_with_none(tmp_path: Path) -> None:
    assert statistics_of(SCHEMA, make_folder(tmp_path, told=False)).rows == 0


@pytest.mark.parametrize("saved", [None, {}, [], {"format": 1, "schema": "0" * 64}])
def test_statistics_that_are_missing_or_damaged_are_no_reason_to_begin_again(
    tmp_path: Path, saved: object
) -> None:
    folder = make_folder(tmp_path, saved)
    with pytest.raises(RoundStoreError, match=r"statistics\.json.*another service\.state_dir"):
        statistics_of(SCHEMA, folder)


def test_a_pruned_round_drops_its_statistics(tmp_path: Path) -> None:
    store = RoundStore(tmp_path)
    for number in range(3):
        add_round(store, number, max(0, number - 1), number).write_statistics({})
    assert store.prune(keep=1, needed=set()) == [0, 1]
    left = [(folder.path / "statistics.json").exists() for folder in store.complete()]
    assert left == [False, False, True]


@pytest.fixture(scope="module")
def project(kafka, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Four rounds of numbers around 1,000 that move; those of the third are more than it takes."""
    topic = "statistics-in-rounds"
    directory = tmp_path_factory.mktemp("statistics") / "p"
    project = make_project(directory, kafka.bootstrap_servers, topic, epochs=3)
    normalize(project, "a")
    create_topic(kafka.bootstrap_servers, topic)
    config = load_config(directory / "millstream.toml")
    for part in range(ROUNDS):
        project.produce(moved(part))
        board = Board(directory / "status.json")
        run_service(config, RunOptions(stop_when_idle_s=0.5), board, threading.Event())
    return project


def moved(part: int) -> list[bytes]:
    """Records as the model's, but `a` is large and hardly varies; `b` is huge in one part."""
    rows = [json.loads(row) for row in make_rows(500, seed=part)]
    size = 1e38 if part + 1 == DIVERGED else 1.0
    return [
        json.dumps({**row, "a": 1000 + part + row["a"], "b": min(row["b"], 3.0) * size}).encode()
        for row in rows
    ]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_each_round_adds_its_rows_and_a_diverged_one_none(project: Project) -> None:
    schema = make_schema(load_config(project.directory / "millstream.toml"))
    folders = RoundStore(project.state_dir / "rounds").complete()
    assert len(folders) == ROUNDS + 1
    assert not (folders[0].path / "statistics.json").exists()
    rows = 0
    for folder in folders[1:]:
        report, known = folder.report(), statistics_of(schema, folder)
        diverged = report["training"]["diverged"]
        assert bool(diverged) == (folder.number == DIVERGED)
        rows += 0 if diverged else report["sampled"]
        assert (known.rows, known.maximum("b") < 10) == (rows, True)
        assert known.counts("kind").sum() == pytest.approx(known.weight)
    before, after = (
        folders[number].path / "statistics.json" for number in (DIVERGED - 1, DIVERGED)
    )
    assert before.read_bytes() == after.read_bytes()
    assert folders[DIVERGED - 1].digest() == folders[DIVERGED].digest()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_model_that_is_served_takes_raw_values(project: Project) -> None:
    folders = RoundStore(project.state_dir / "rounds").complete()
    scores = {f.number: (f.published() or {}).get("scores") for f in folders[1:]}
    assert scores.pop(DIVERGED) is None
    assert all(score["auc"] > 0.85 for score in scores.values()), scores


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_rounds_are_replayed_with_the_statistics_of_their_parents(project: Project) -> None:
    config = load_config(project.directory / "millstream.toml")
    pipeline = open_pipeline(config, open_registry(config), Board(project.state_dir / "r.json"))
    for number in range(1, ROUNDS + 1):
        assert replay_round(pipeline, project.servers, number).identical, number
    folder = pipeline.store.folder(1)
    known = statistics_of(pipeline.schema, folder)
    marker, digest = (folder.path / "DONE").read_bytes(), folder.digest()
    folder.write_statistics(known.updated(Rows.load(folder.test_rows)).to_json())
    folder.mark_done(digest)
    try:
        others = open_pipeline(config, open_registry(config), Board(project.state_dir / "r.json"))
        assert not replay_round(others, project.servers, 2).identical
    finally:
        folder.write_statistics(known.to_json())
        (folder.path / "DONE").write_bytes(marker)
