"""A vocabulary that grows through the service: kills, replays, and predictions of raw words."""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ingest import Field, Position, Rows, Schema, Window
from ingest.window import Counts
from millstream.config.config import load_config
from millstream.errors import RoundStoreError
from millstream.growing import grow, recoded, schema_of, vocabularies_of
from millstream.local import open_registry
from millstream.pipeline import open_pipeline
from millstream.publishing.champion import ask_champion
from millstream.replay.replay import replay_round
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.service import RunOptions, run_service
from millstream.watch.board import Board
from registry import LiteModel, ModelRegistry

from .project import CONFIG, MODEL, Project, create_topic

ROOM = 6
ROUNDS = 3


@pytest.fixture(scope="module")
def project(kafka, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A service that was killed in each of its rounds, over words that came with each round."""
    topic, directory = "growing-words", tmp_path_factory.mktemp("growing")
    values = {"epochs": 3, "records": 400, "keep_rounds": 20, "name": "growing"}
    text = CONFIG.format(servers=kafka.bootstrap_servers, topic=topic, **values)
    fixed = 'vocabulary = ["p", "q", "r"]'
    assert fixed in text
    text = text.replace(fixed, f'vocabulary = ["p"], grow = {ROOM}')
    (directory / "millstream.toml").write_text(f"{text}\n[history]\nrows = 150\n")
    assert "Embedding(4, 3)" in MODEL
    (directory / "model.py").write_text(
        MODEL.replace("Embedding(4, 3)", f"Embedding({ROOM + 1}, 3)")
    )
    project = Project(directory, kafka.bootstrap_servers, topic)
    create_topic(kafka.bootstrap_servers, topic)
    config = load_config(directory / "millstream.toml")
    for part, point in enumerate((None, "5.report", "6.before")):
        project.produce(make_rows(400, part))
        if point:
            killed = project.command("run", "--stop-when-idle", "0.5", MILLSTREAM_FAULT=point)
            assert killed.code == -signal.SIGKILL, killed.output
        board = Board(directory / "status.json")
        run_service(config, RunOptions(stop_when_idle_s=0.5), board, threading.Event())
    return project


def make_rows(count: int, part: int) -> list[bytes]:
    """Records whose words come in one after another; the last do not fit any more."""
    random = np.random.default_rng(part)
    words = ["p", *(f"w{i}" for i in range(3 * part + 2))]
    a, b, kind = random.normal(size=count), random.normal(size=count), random.choice(words, count)
    y = a + 0.5 * b + (kind == "w0") > 0
    return [
        json.dumps({"a": x, "b": z, "kind": k, "y": bool(t)}).encode()
        for x, z, k, t in zip(a.tolist(), b.tolist(), kind.tolist(), y.tolist(), strict=True)
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_round_adds_words_behind_those_of_its_parent(project: Project) -> None:
    store = RoundStore(project.state_dir / "rounds")
    folders = [folder for folder in store.complete() if folder.number > 0]
    assert len(folders) == ROUNDS
    before: list[str] = ["p"]
    sizes = []
    for folder in folders:
        (words,) = _words(folder.vocabulary())
        assert words[: len(before)] == before
        assert len(set(words)) == len(words) <= ROOM
        rows = Rows.load(folder.test_rows)
        assert rows.columns["kind"].dtype == np.int32
        assert rows.columns["kind"].max() <= len(words)
        before = words
        sizes.append(len(words))
    assert sizes == [3, ROOM, ROOM]
    assert not (store.folder(0).path / "vocabulary.json").exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_rounds_are_replayed_with_the_vocabulary_of_their_parent(project: Project) -> None:
    config = load_config(project.directory / "millstream.toml")
    pipeline = open_pipeline(config, open_registry(config), Board(project.state_dir / "r.json"))
    for number in (1, 2, 3):
        assert replay_round(pipeline, project.servers, number).identical
        recalled = pipeline.store.folder(number).plan().history_rows
        assert recalled > 0 or number == 1  # rows of the past get the codes of the round


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_version_takes_raw_words_by_the_vocabulary_of_its_round(
    project: Project, tmp_path: Path
) -> None:
    import mlflow

    registry = ModelRegistry(
        "growing", f"sqlite:///{project.state_dir / 'mlflow.db'}", None, "growing"
    )
    for number, folder in enumerate(RoundStore(project.state_dir / "rounds").complete()):
        if number == 0:
            continue
        (words,) = _words(folder.vocabulary())
        version = next(v for v in registry.versions() if v.round == number)
        assert version.tags["millstream.words.kind"] == str(len(words))
        out = tmp_path / str(number)
        registry.pull(f"growing/{version.version}", out)
        model = mlflow.pyfunc.load_model(str(out))
        given = [*words, "never seen", ""]
        columns = {"a": [0.5] * len(given), "b": [0.1] * len(given), "kind": given}
        codes = np.array([*range(1, len(words) + 1), 0, 0], np.int32)
        features = {**{n: np.array(columns[n], np.float32) for n in "ab"}, "kind": codes}
        expected = LiteModel((out / "model.tflite").read_bytes()).predict(features)
        np.testing.assert_array_equal(model.predict(pd.DataFrame(columns)), expected)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_champion_with_other_codes_sees_the_words_that_it_knows(project: Project) -> None:
    config = load_config(project.directory / "millstream.toml")
    pipeline = open_pipeline(config, open_registry(config), Board(project.state_dir / "r.json"))
    folder = RoundStore(project.state_dir / "rounds").folder(ROUNDS)
    rows = Rows.load(folder.test_rows)
    schema = schema_of(pipeline.schema, vocabularies_of(pipeline.schema, folder))
    other = reversed_words(schema)
    version = next(v for v in pipeline.registry.versions() if v.round == ROUNDS)
    asked = ask_champion(pipeline, version, rows, schema)
    assert asked.scores, asked.note
    again = ask_champion(pipeline, version, recoded(rows, schema, other), other)
    assert again.scores == asked.scores
    wrong = ask_champion(pipeline, version, recoded(rows, schema, other), schema)
    assert wrong.scores != asked.scores


def reversed_words(schema: Schema) -> Schema:
    """The same fields, as a learner has them that met the words in another order."""
    return Schema(tuple(replace(f, vocabulary=f.vocabulary[::-1]) for f in schema.fields))


def test_a_model_that_knows_fewer_words_sees_the_others_as_unknown() -> None:
    now, then = make_schema("p", "w", "x"), make_schema("x", "p")
    zeros, codes = np.zeros(4, np.int32), np.array([0, 1, 2, 3], np.int32)
    rows = Rows(("t",), zeros, zeros, np.arange(4), np.arange(4), {"kind": codes, "n": zeros})
    assert np.asarray(recoded(rows, now, then).columns["kind"]).tolist() == [0, 2, 0, 1]
    assert np.asarray(recoded(rows, now, now).columns["kind"]).tolist() == [0, 1, 2, 3]
    without = Schema((Field("n", "int32"),))
    assert recoded(rows, now, without).columns["kind"] is codes


@pytest.mark.parametrize("saved", [None, "{", '{"kind": ["w"]}', "{}"])
def test_words_that_are_missing_or_damaged_are_no_reason_to_begin_again(
    tmp_path: Path, saved: str | None
) -> None:
    folder = RoundFolder(tmp_path / "000001")
    folder.path.mkdir()
    if saved is not None:
        (folder.path / "vocabulary.json").write_text(saved)
    with pytest.raises(RoundStoreError, match=r"vocabulary\.json.*another service\.state_dir"):
        vocabularies_of(make_schema("p"), folder)
    assert vocabularies_of(make_schema("p"), RoundFolder(tmp_path / "000000")).words
    assert not vocabularies_of(Schema((Field("n", "int32"),)), folder).words


def test_a_window_without_rows_adds_no_words(tmp_path: Path) -> None:
    schema = make_schema("p")
    empty = Rows.empty(schema, ["t"])
    at = Position({"t": {0: 5}})
    window = Window(at, at, (), Counts(), empty, empty, empty, None, None)
    encoded, grown = grow(schema, RoundFolder(tmp_path / "000000"), window)
    assert grown.words == {"kind": (b"p",)}
    assert np.asarray(encoded.train.columns["kind"]).dtype == np.int32


def make_schema(*words: str) -> Schema:
    return Schema((Field("kind", "category", vocabulary=words, grow=9), Field("n", "int32")))


def _words(saved: dict) -> list[list[str]]:
    """The words of each growing field."""
    return list(saved.values())
