"""What a round trains on: rows by importance and of the past, and weights that reach the loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import trainer
from ingest import Position, Rows, Statistics, Vocabularies, Window
from ingest.window import Counts
from millstream.config.config import load_config
from millstream.pipeline import Pipeline, open_pipeline
from millstream.rehearsal import Rehearsal
from millstream.round import begin_store, checkpoint, train_window
from millstream.rounds.plan import Plan
from millstream.rounds.store import RoundFolder
from millstream.training_rows import rows_to_recall, training_rows, window_rows
from millstream.turn import Trained, Turn
from millstream.watch.board import Board

from .project import make_project

AT = Position({"t": {0: 0}})
NOTHING = Vocabularies({})


def make_pipeline(
    path: Path, sample: str = "", history: str = "rows = 0", schema: str = ""
) -> Pipeline:
    project = make_project(path, "127.0.0.1:1", "t")
    file = project.directory / "millstream.toml"
    text = file.read_text().replace("window = 600", f"window = 60\n{sample}")
    text = text.replace("[schema]", f"[schema]\n{schema}")
    file.write_text(f"{text}\n[history]\n{history}\n")
    return open_pipeline(load_config(file), f"sqlite:///{path}/m.db", Board(path / "status.json"))


def make_rows(pipeline: Pipeline, count: int, first: int = 0) -> Rows:
    """Rows of which a tenth is hard: their labels are the opposite of what the others' are."""
    number = np.arange(first, first + count)
    random = np.random.default_rng(1)
    a = random.normal(size=first + count).astype(np.float32)[first:]
    columns = {
        "a": a,
        "b": (number % 10 == 0).astype(np.float32),
        "kind": np.ones(count, np.int32),
        "y": (a > 0) ^ (number % 10 == 0),
    }
    if pipeline.schema.weight is not None:
        columns[pipeline.schema.weight.name] = (1 + number % 3).astype(np.float32)
    zeros = np.zeros(count, np.int32)
    return Rows(("t",), zeros, zeros, number, number, columns)


def make_window(pipeline: Pipeline, rows: Rows, weights: np.ndarray | None = None) -> Window:
    empty = Rows.empty(pipeline.schema, ["t"])
    weights = np.full(len(rows), 2.0) if weights is None else weights
    counts = Counts(seen=2 * len(rows), train=2 * len(rows))
    past = (rows, empty, empty) if pipeline.past.is_kept else ()
    window = Window(AT, AT, (), counts, rows, empty, empty, None, None)
    return replace(window, train_weights=weights, past=past)


def make_plan(number: int = 1, history_rows: int = 0) -> Plan:
    return Plan(number, number - 1, AT, AT, (), 11, "", "", 0, history_rows)


def begin(pipeline: Pipeline) -> RoundFolder:
    return begin_store(pipeline, AT, AT)


def test_without_settings_the_window_is_trained_on_as_it_is(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path)
    rows = make_rows(pipeline, 50)
    window = make_window(pipeline, rows)
    found = training_rows(pipeline, begin(pipeline), window, make_plan(), NOTHING)
    assert found.rows == rows
    assert found.weights is None
    assert window_rows(pipeline, window) == 50
    assert rows_to_recall(pipeline, pipeline.store.folder(0), window) == 0


@pytest.mark.parametrize("schema", ["", 'weight = "w"'])
def test_weights_of_the_stream_multiply_those_of_the_schema(tmp_path: Path, schema: str) -> None:
    pipeline = make_pipeline(tmp_path, 'weights = "stream"', schema=schema)
    stand_for = np.arange(1.0, 41.0)
    window = make_window(pipeline, make_rows(pipeline, 40), stand_for)
    found = training_rows(pipeline, begin(pipeline), window, make_plan(), NOTHING)
    own = np.asarray(window.train.columns["w"]) if schema else 1.0
    assert found.weights == pytest.approx(own * stand_for / stand_for.mean())


@pytest.mark.parametrize("score", ["loss", "gradient_norm"])
def test_importance_prefers_hard_rows_and_its_weights_undo_that(tmp_path: Path, score: str) -> None:
    pipeline = make_pipeline(tmp_path, f'importance = "{score}"')
    folder = begin(pipeline)
    rows = make_rows(pipeline, 240)
    window = make_window(pipeline, rows)
    learn_easy_rows(pipeline, rows)
    hard, estimates = [], []
    for number in range(1, 81):
        found = training_rows(pipeline, folder, window, make_plan(number), NOTHING)
        again = training_rows(pipeline, folder, window, make_plan(number), NOTHING)
        assert len(found.rows) == 60
        assert found.rows == again.rows == found.rows.sorted_by_identity()
        assert found.weights is not None
        assert again.weights is not None
        assert found.weights.tobytes() == again.weights.tobytes()
        values = np.asarray(found.rows.columns["b"])
        hard.append(values.mean())
        estimates.append(np.average(values, weights=found.weights))
    assert np.mean(hard) > 0.2
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - 0.1) < 4 * error + 0.005


def learn_easy_rows(pipeline: Pipeline, rows: Rows) -> None:
    """Give the learner weights by which the hard rows have a loss."""
    easy = rows.take(np.asarray(rows.columns["b"]) == 0)
    model = pipeline.learner.model
    model.fit(easy.features(pipeline.schema), easy.labels(pipeline.schema), epochs=20, verbose=0)


def test_few_rows_need_no_scores(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path, 'importance = "loss"')
    rows = make_rows(pipeline, 60)
    window = make_window(pipeline, rows)
    found = training_rows(pipeline, begin(pipeline), window, make_plan(), NOTHING)
    assert found.rows == rows
    assert found.weights == pytest.approx(np.ones(60))


def test_rows_of_the_past_weigh_as_much_each_as_those_of_the_window(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path, 'weights = "stream"', "rows = 40\nratio = 0.5")
    zero = begin(pipeline)
    old = make_window(pipeline, make_rows(pipeline, 200))
    plan = make_plan()
    first = pipeline.store.folder(1)
    pipeline.store.begin(plan)
    pipeline.past.save(zero, first, old)
    first.write_report({"history": {"metric": "auc", "ratio": 0.5, "score": None, "best": None}})
    window = make_window(pipeline, make_rows(pipeline, 50, first=200))
    assert rows_to_recall(pipeline, first, window) == 25
    plan = make_plan(2, 25)
    found = training_rows(pipeline, first, window, plan, NOTHING)
    is_old = found.rows.offset < 200
    assert is_old.sum() == 25
    assert found.rows == found.rows.sorted_by_identity()
    assert found.weights is not None
    assert found.weights[is_old].mean() == pytest.approx(1.0)
    assert found.weights[~is_old].mean() == pytest.approx(1.0)
    few = make_window(pipeline, make_rows(pipeline, 3, first=200))
    assert rows_to_recall(pipeline, first, few) == 2
    many = replace(pipeline, config=with_ratio(pipeline, 9.0))
    assert rows_to_recall(many, first, window) == 40


def with_ratio(pipeline: Pipeline, ratio: float) -> object:
    history = pipeline.config.history.model_copy(update={"ratio": ratio})
    return pipeline.config.model_copy(update={"history": history})


def test_weights_reach_the_dataset_that_the_learner_gets(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path, 'importance = "loss"')
    folder = begin(pipeline)
    window, plan = make_window(pipeline, make_rows(pipeline, 200)), make_plan()
    given = {}

    def train(dataset, steps, *_: object, **__: object) -> trainer.TrainReport:
        for features, _, weights in dataset.take(steps).as_numpy_iterator():
            given.update(zip(features["a"].tolist(), weights.tolist(), strict=True))
        return trainer.TrainReport(0, 0, False, False, {}, None, None, 0.0)

    turn = Turn(pipeline.store.folder(1), folder, plan, window, NOTHING)
    expected = training_rows(pipeline, folder, window, plan, NOTHING)
    assert expected.weights is not None
    assert expected.weights.std() > 0.05
    pipeline.learner.train = train  # type: ignore[method-assign]
    train_window(pipeline, turn, Statistics.empty(pipeline.schema), lambda: False)
    columns = np.asarray(expected.rows.columns["a"]).tolist()
    assert given == dict(zip(columns, expected.weights.astype(np.float32).tolist(), strict=True))


@pytest.mark.parametrize("diverged", [None, "a loss that is not finite"])
def test_only_what_was_learned_is_remembered(tmp_path: Path, diverged: str | None) -> None:
    pipeline = make_pipeline(tmp_path, history="rows = 40")
    folder, known = begin(pipeline), Statistics.empty(pipeline.schema)
    for number, outcome in ((1, None), (2, diverged)):
        window = make_window(pipeline, make_rows(pipeline, 100, first=100 * number))
        turn = Turn(
            pipeline.store.begin(make_plan(number)), folder, make_plan(number), window, NOTHING
        )
        report = trainer.TrainReport(1, 1, False, False, {}, outcome, None, 0.0)
        checkpoint(pipeline, turn, {}, Rehearsal("auc", 0.5), Trained(report, known))
        folder = turn.folder
    assert folder.report()["history"]["rows"] == pipeline.past.rows(folder) == 40
    recalled, _ = pipeline.past.recall(folder, 100, 0, 0)
    assert (recalled.offset.max() >= 200) == (diverged is None)
