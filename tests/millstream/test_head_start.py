"""What is done before the first round: it spares the round its tracing, and changes nothing."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import keras
import pytest

import trainer
from ingest import Position, Statistics
from millstream.config.config import load_config
from millstream.head_start import head_start, trace_training
from millstream.opening import Running
from millstream.pipeline import Pipeline, open_pipeline
from millstream.round import begin_store, train_window
from millstream.rounds.store import RoundFolder
from millstream.turn import Turn
from millstream.watch.board import Board

from .project import make_project
from .test_training_rows import NOTHING, make_plan, make_rows, make_window

AT = Position({"t": {0: 0}})
SCHEMAS = {
    "plain": {},
    "weights": {"[schema]": '[schema]\nweight = "w"'},
    "words": {'vocabulary = ["p", "q", "r"]': 'vocabulary = ["p"], grow = 2'},
}


def make_pipeline(path: Path, changes: dict[str, str]) -> Pipeline:
    file = make_project(path, "127.0.0.1:1", "t").directory / "millstream.toml"
    text = file.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    return open_pipeline(load_config(file), f"sqlite:///{path}/m.db", Board(path / "status.json"))


@dataclass
class WithoutKafka:
    """What a head start looks at of a service."""

    pipeline: Pipeline
    latest: RoundFolder
    stop: threading.Event = field(default_factory=threading.Event)


def learner_of(pipeline: Pipeline) -> trainer.Learner:
    assert isinstance(pipeline.learner, trainer.Learner)
    return pipeline.learner


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_made_up_window_is_trained_for_any_schema_and_leaves_the_model(
    tmp_path: Path, schema: str
) -> None:
    pipeline = make_pipeline(tmp_path, SCHEMAS[schema])
    first, learner = begin_store(pipeline, AT, AT), learner_of(pipeline)
    before = trainer.digest(learner.model)
    trace_training(pipeline, first)
    assert trainer.digest(learner.model) == before
    assert [folder.number for folder in pipeline.store.complete()] == [0]


def test_the_first_round_has_nothing_left_to_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make_pipeline(tmp_path, {})
    first = begin_store(pipeline, AT, AT)
    head_start(cast(Running, WithoutKafka(pipeline, first)))
    window = make_window(pipeline, make_rows(pipeline, 100))
    turn = Turn(pipeline.store.begin(make_plan()), first, make_plan(), window, NOTHING)

    def traced(*arguments: object) -> None:
        raise AssertionError("a train step is traced")

    monkeypatch.setattr(keras.Model, "train_step", traced)
    nothing = Statistics.empty(pipeline.schema)
    assert train_window(pipeline, turn, nothing, lambda: False).epochs


def test_one_that_is_told_to_stop_has_none(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path, {})
    running = WithoutKafka(pipeline, begin_store(pipeline, AT, AT))
    running.stop.set()
    head_start(cast(Running, running))
    assert not learner_of(pipeline)._functions.are_looked_at
