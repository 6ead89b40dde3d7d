"""What is done before the first round: it spares the round its tracing, and changes nothing."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import millstream.head_start
import trainer
from ingest import Position, Statistics, Window
from ingest.ragged import Ragged
from millstream.config.config import load_config
from millstream.growing import grow
from millstream.head_start import head_start
from millstream.pipeline import Pipeline, open_pipeline
from millstream.round import begin_store, train_window
from millstream.turn import Turn
from millstream.watch.board import Board
from millstream.workers.beat import UNHURRIED
from millstream.workers.place import beat_of
from registry import export_again, export_float32

from .project import make_project
from .test_training_rows import make_plan, make_rows, make_window

AT = Position({"t": {0: 0}})
CASES = {
    "plain": {},
    "warm-up": {"[train]": '[train]\nwarm_up_steps = 4\nwarm_up = "round"'},
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


@pytest.mark.parametrize("case", CASES)
def test_the_first_round_has_nothing_left_to_trace_and_comes_to_the_same(
    case: str, tmp_path: Path, traces: list[int], conversions: list[str]
) -> None:
    digests = []
    for begins_so in (False, True):
        pipeline = make_pipeline(tmp_path / str(begins_so), CASES[case])
        conversions.clear()
        first = begin_store(pipeline, AT, AT)
        before = trainer.digest(pipeline.learner.model)
        if begins_so:
            head_start(pipeline, first, threading.Event())
            assert traces
            assert trainer.digest(pipeline.learner.model) == before
            assert len(conversions) == 2
            assert [folder.number for folder in pipeline.store.complete()] == [0]
        traces.clear()
        window, words = grow(pipeline.schema, first, window_of(pipeline))
        turn = Turn(pipeline.store.begin(make_plan()), first, make_plan(), window, words)
        nothing = Statistics.empty(pipeline.schema)
        assert train_window(pipeline, turn, nothing, lambda: False).epochs
        assert bool(traces) is not begins_so
        assert export_again(pipeline.learner.model) == export_float32(pipeline.learner.model)
        assert len(conversions) == 1 + begins_so
        digests.append(trainer.digest(pipeline.learner.model))
    assert digests[0] == digests[1] != before


def window_of(pipeline: Pipeline) -> Window:
    """Some rows, with words where a field's vocabulary grows."""
    rows = make_rows(pipeline, 100)
    if any(field.grow for field in pipeline.schema.fields):
        words = Ragged(np.full(100, ord("q"), np.uint8), np.arange(101))
        rows = replace(rows, columns={**rows.columns, "kind": words})
    window = make_window(pipeline, rows)
    return replace(window, validation=rows.take(np.arange(20)))


def test_it_says_that_it_may_hold_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, said = make_pipeline(tmp_path, {}), []
    beat = beat_of(pipeline.config, 0)
    beat.parent.mkdir(parents=True)
    beat.write_bytes(b"")
    monkeypatch.setattr(
        millstream.head_start, "rehearse_export", lambda *_: said.append(beat.read_bytes())
    )
    head_start(pipeline, begin_store(pipeline, AT, AT), threading.Event())
    assert said == [UNHURRIED]
    assert not beat.read_bytes()


def test_a_single_round_converts_by_itself(tmp_path: Path, conversions: list[str]) -> None:
    pipeline = make_pipeline(tmp_path, {})
    head_start(pipeline, begin_store(pipeline, AT, AT), threading.Event(), only_one=True)
    assert not conversions


def test_one_that_is_told_to_stop_has_none(tmp_path: Path, traces: list[int]) -> None:
    pipeline, stop = make_pipeline(tmp_path, {}), threading.Event()
    stop.set()
    head_start(pipeline, begin_store(pipeline, AT, AT), stop)
    assert not traces
