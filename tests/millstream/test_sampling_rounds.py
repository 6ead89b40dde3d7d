"""Each policy through the service: rounds that replay, over changes of policy and holdout share."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pytest
from mlflow import MlflowClient
from rich.console import Console

import trainer
from ingest import Rows
from millstream.cli.view import live_view, round_line
from millstream.config.config import load_config
from millstream.growing import grow
from millstream.local import open_registry
from millstream.pipeline import Pipeline, open_pipeline
from millstream.replay.replay import read_again, replay_round
from millstream.rounds.store import RoundFolder
from millstream.service import RunOptions, run_service
from millstream.training_rows import training_rows
from millstream.watch.board import Board
from millstream.watch.summary import RoundSummary

from .project import CONFIG, MODEL, Project, create_topic, make_rows

WEIGHTS = """

def weights(columns):
    return 1.0 + abs(columns["a"])
"""
# What each phase of the service's life says in [sample] and in [history].
PHASES = {
    "uniform": ('policy = "uniform"', "rows = 150"),
    "weighted": (
        'policy = { kind = "weighted", weight = "model:weights" }\nweights = "stream"',
        "rows = 150",
    ),
    "recent": (
        'policy = { kind = "recent", half_life_records = 20 }\nholdout = 0.5',
        'rows = 90\npolicy = { kind = "recent", half_life_s = 60 }',
    ),
    "balanced": ('policy = { kind = "balanced", cap = 45 }\nholdout = 0.1', "rows = 150"),
    "stratified": (
        'policy = { kind = "stratified", by = "kind", least = 20 }',
        'rows = 150\nbytes = 4000\npolicy = { kind = "balanced", by = "kind" }',
    ),
    "loss": ('importance = { score = "loss", pre_sample = 2 }', "rows = 150\nratio = 1.0"),
    "gradient_norm": (
        'importance = "gradient_norm"\npolicy = "balanced"',
        "rows = 150\nratio = 0.3\nmost_ratio = 2.0",
    ),
}
RECORDS, WINDOW = 400, 100


@dataclass(frozen=True)
class Phase:
    """What came of a phase's round."""

    folder: RoundFolder
    identical: bool
    trained: Rows
    held: Rows


@pytest.fixture(scope="module")
def phases(kafka, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Phase]:
    """One life of a service, restarted with another policy for each of its rounds."""
    directory = tmp_path_factory.mktemp("sampling")
    project = Project(directory, kafka.bootstrap_servers, "sampling-rounds")
    create_topic(project.servers, project.topic)
    (directory / "model.py").write_text(MODEL + WEIGHTS)
    found = {}
    for number, name in enumerate(PHASES, start=1):
        configure(project, *PHASES[name])
        project.produce(make_rows(RECORDS, seed=number))
        config = load_config(directory / "millstream.toml")
        board = Board(directory / "status.json")
        run_service(config, RunOptions(stop_when_idle_s=0.5), board, threading.Event())
        pipeline = open_pipeline(config, open_registry(config), board)
        replay = replay_round(pipeline, project.servers, number)
        found[name] = look(pipeline, project.servers, number, replay.identical)
    return found


def configure(project: Project, sample: str, history: str) -> None:
    values = {"epochs": 2, "records": RECORDS, "keep_rounds": 20, "name": project.topic}
    text = CONFIG.format(servers=project.servers, topic=project.topic, **values)
    text = text.replace("window = 600", f"window = {WINDOW}\n{sample}")
    if "holdout" in sample:
        text = text.replace("holdout = 0.3\n", "")
    (project.directory / "millstream.toml").write_text(f"{text}\n[history]\n{history}\n")


def look(pipeline: Pipeline, servers: str, number: int, identical: bool) -> Phase:
    """What the last round was trained on, and what it held out."""
    folder, parent = (pipeline.store.folder(n) for n in (number, number - 1))
    plan = folder.plan()
    window, words = grow(pipeline.schema, parent, read_again(pipeline, servers, plan))
    trainer.load(pipeline.learner.model, parent.weights)
    trained = training_rows(pipeline, parent, window, plan, words).rows
    held = [window.validation, window.test]
    if (old := pipeline.past.holdout(parent)) is not None:
        held.append(old)
    return Phase(folder, identical, trained, Rows.concat(held))


def names(rows: Rows) -> set[tuple[int, ...]]:
    return {tuple(identity.tolist()) for identity in rows.identities()}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PHASES)
def test_rounds_replay_bit_for_bit(phases: dict[str, Phase], name: str) -> None:
    phase = phases[name]
    assert phase.identical
    report = phase.folder.report()
    assert report["training"]["diverged"] is None
    assert report["counts"]["seen"] == RECORDS
    assert len(phase.trained) == report["sampled"] + report["history"]["recalled"]
    assert report["sampled"] == (90 if name == "balanced" else WINDOW)


@pytest.mark.slow
def test_no_record_is_ever_trained_on_and_held_out(phases: dict[str, Phase]) -> None:
    trained = set().union(*(names(phase.trained) for phase in phases.values()))
    held = set().union(*(names(phase.held) for phase in phases.values()))
    assert len(trained) > 3 * WINDOW
    assert len(held) > 3 * WINDOW
    assert not trained & held


@pytest.mark.slow
def test_rows_are_chosen_as_the_policy_says(phases: dict[str, Phase]) -> None:
    def fresh(name: str) -> Rows:
        """Those of the round's own window."""
        rows, plan = phases[name].trained, phases[name].folder.plan()
        first = np.array([plan.start.get("sampling-rounds", p) for p in range(4)])
        return rows.take(rows.offset >= first[rows.partition])

    labels = np.asarray(fresh("balanced").columns["y"])
    assert np.bincount(labels.astype(int)).tolist() == [45, 45]
    kinds = np.asarray(fresh("stratified").columns["kind"])
    assert np.bincount(kinds, minlength=4).min() >= 20
    usual, recent = (phases[name].folder.plan() for name in ("uniform", "recent"))
    age = {}
    for name, plan in (("uniform", usual), ("recent", recent)):
        rows = fresh(name)
        ends = np.array([plan.end.get("sampling-rounds", p) for p in range(4)])
        age[name] = float((ends[rows.partition] - rows.offset).mean())
    assert age["recent"] < 0.75 * age["uniform"]
    heavy = {name: np.abs(fresh(name).columns["a"]).mean() for name in ("uniform", "weighted")}
    assert heavy["weighted"] > 1.1 * heavy["uniform"]


@pytest.mark.slow
def test_reports_tell_of_the_past(phases: dict[str, Phase]) -> None:
    told = {name: phase.folder.report()["history"] for name, phase in phases.items()}
    plans = {name: phase.folder.plan() for name, phase in phases.items()}
    assert {n: past["recalled"] for n, past in told.items()} == {
        n: plan.history_rows for n, plan in plans.items()
    }
    assert told["uniform"]["recalled"] == 0
    assert told["uniform"]["score"] is None
    assert told["weighted"]["recalled"] == 50
    assert all(0.5 < past["score"] <= 1.0 for n, past in told.items() if n != "uniform")
    assert told["recent"]["rows"] == 90
    assert 100 < told["stratified"]["rows"] <= 4000 // 37  # bytes of all, and of one
    assert told["loss"]["ratio"] == 1.0
    assert 0.3 <= told["gradient_norm"]["ratio"] <= 2.0
    assert told["gradient_norm"]["best"] >= told["gradient_norm"]["score"]


@pytest.mark.slow
def test_the_status_and_versions_tell_of_the_past(phases: dict[str, Phase]) -> None:
    folder = phases["loss"].folder
    item, state_dir = RoundSummary.of(folder), folder.path.parents[1]
    told = folder.report()["history"]
    assert (item.history, item.recalled, item.history_ratio) == (told["rows"], WINDOW, 1.0)
    assert f"{WINDOW} sampled and {WINDOW} recalled, " in round_line(item, "auc")
    board = Board(state_dir / "b.json")
    board.update(history_rows=1234, history_ratio=0.5)
    console = Console(record=True, width=120)
    console.print(live_view(board.snapshot(), [item], "auc"))
    assert "1,234 rows · ratio 0.50" in console.export_text()
    published = folder.published()
    assert published is not None
    run = MlflowClient(f"sqlite:///{state_dir / 'mlflow.db'}").get_run(published["run_id"])
    metrics = run.data.metrics
    assert metrics["history_rows"] == told["rows"]
    assert metrics["history_recalled"] == WINDOW
    assert metrics["history_score"] == told["score"]
