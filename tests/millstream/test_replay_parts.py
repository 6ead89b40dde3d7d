"""Verdicts of replays, which versions they take, and what they compare beside weights."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest import Gap, OffsetRange, Position
from ingest.read_window import lost_offsets
from millstream.errors import ReplayError
from millstream.replay.files import differing_files, differing_plans, differing_reports
from millstream.replay.gaps import tell_lost, tell_rounds
from millstream.replay.outcome import ArtifactReplay, Likeness, Replay, tell_replays
from millstream.replay.version import check_round
from millstream.rounds.plan import Plan
from millstream.rounds.store import RoundFolder, RoundStore
from registry import ModelVersion
from trainer import Distance

AT = Position({"t": {0: 0}})
NEAR = Distance(1e-6, 1e-5, "dense/kernel", ())


def make_plan(number: int) -> Plan:
    return Plan(number, number - 1 if number else None, AT, AT, (), 7, "recipe", "records", number)


def make_store(path: Path, rounds: int) -> RoundStore:
    store = RoundStore(path)
    for number in range(rounds):
        folder = store.begin(make_plan(number))
        folder.write_statistics({"rows": number})
        folder.write_report({"lineage": "ours"})
        folder.mark_done(f"weights {number}")
    return store


def make_version(number: int, **tags: str) -> ModelVersion:
    known = {"millstream.lineage": "ours", "millstream.weights": f"weights {number}"}
    return ModelVersion(
        name="m",
        version=4,
        round=number,
        run_id="",
        promoted=True,
        reason="",
        rung="int8",
        bytes=1,
        gzip_bytes=1,
        metrics={},
        tags=known | {f"millstream.{name}": value for name, value in tags.items()},
        created=datetime.now(UTC),
    )


def test_bits_are_the_same_or_they_are_not() -> None:
    same = Replay(1, 5, "a", "a")
    assert same.identical
    assert same.tell() == "identical"
    assert Replay(1, 5, "a", "b").likeness is Likeness.OTHER
    assert Replay(1, 5, "a", "b", NEAR).likeness is Likeness.OTHER
    assert replace(same, differences=("statistics.json: a -> b",)).likeness is Likeness.OTHER
    told = Replay(1, 5, "a", "b", NEAR).tell()
    assert told == "differs; largest difference 1e-06; relative 1e-05 (dense/kernel)"


def test_rounds_of_several_workers_are_the_same_within_a_tolerance() -> None:
    close = Replay(1, 5, "a", "b", NEAR, tolerance=1e-4)
    assert close.likeness is Likeness.CLOSE
    assert not close.identical
    assert replace(close, tolerance=1e-6).likeness is Likeness.OTHER
    assert replace(close, differences=("report.sampled: 4 -> 5",)).likeness is Likeness.OTHER
    steps = Distance(0.0, 0.0, "", ("adam/iteration",))
    assert replace(close, distance=steps).likeness is Likeness.OTHER
    assert "adam/iteration: other whole numbers" in replace(close, distance=steps).tell()


def test_bytes_that_predict_the_same_are_as_good() -> None:
    assert ArtifactReplay("m/4", "int8", "a", "a").likeness is Likeness.IDENTICAL
    assert ArtifactReplay("m/4", "int8", "a", "b", 0.0).likeness is Likeness.IDENTICAL
    assert ArtifactReplay("m/4", "int8", "a", "b", 0.1).likeness is Likeness.OTHER
    assert ArtifactReplay("m/4", "int8", "a", "b", 0.1, 0.2).likeness is Likeness.CLOSE
    failed = ArtifactReplay("m/4", "int8", "a", "", note="the quantizer crashed")
    assert failed.likeness is Likeness.OTHER
    assert failed.tell().endswith("; the quantizer crashed")


def test_the_outcome_is_plain_data_for_programs() -> None:
    artifact = ArtifactReplay("m/4", "int8", "a", "a")
    told = json.loads(json.dumps(tell_replays([Replay(1, 5, "a", "b", NEAR)], artifact)))
    assert told["rounds"][0]["verdict"] == "differs"
    assert told["rounds"][0]["distance"]["variable"] == "dense/kernel"
    assert told["artifact"]["verdict"] == "identical"
    assert "artifact" not in tell_replays([], None)


def test_a_version_is_of_its_round_or_refused(tmp_path: Path) -> None:
    store = make_store(tmp_path, 3)
    assert check_round(store, make_version(2)) == 2
    refused = {
        "expected a version that millstream published": make_version(-1),
        "of lineage theirs, this one has lineage ours": make_version(2, lineage="theirs"),
        "made in round 5, the state folder has rounds up to 2": make_version(5),
        "made of weights weights 9, round 2 of the state": make_version(2, weights="weights 9"),
    }
    for text, version in refused.items():
        with pytest.raises(ReplayError, match=rf"^m/4: .*{text}"):
            check_round(store, version)
    with pytest.raises(ReplayError, match="this one has lineage none"):
        check_round(RoundStore(tmp_path / "empty"), make_version(1))


def test_what_a_broker_has_lost_is_told_by_offset() -> None:
    start, end = Position({"t": {0: 10, 1: 0}}), Position({"t": {0: 30, 1: 20}})
    first, last = Position({"t": {0: 15, 1: 0}}), Position({"t": {0: 90, 1: 18}})
    lost = lost_offsets(start, end, first, last)
    assert lost == [OffsetRange("t", 0, 10, 15), OffsetRange("t", 1, 18, 20)]
    assert tell_lost(lost) == "t[0] 10 to 14, t[1] 18 to 19"
    known = (Gap("t", 0, 10, 12), Gap("t", 1, 18, 20))
    assert lost_offsets(start, end, first, last, known) == [OffsetRange("t", 0, 12, 15)]


def test_rounds_are_told_in_runs() -> None:
    assert tell_rounds([2, 3, 5, 7, 8, 9]) == "2 to 3, 5, 7 to 9"
    assert tell_rounds([]) == ""


def test_decisions_that_differ_are_named() -> None:
    made = make_plan(2)
    assert differing_plans(made, replace(made, created_ms=9, workers=4)) == []
    (told,) = differing_plans(made, replace(made, history_rows=4))
    assert told == "plan.history_rows: 0 -> 4"


def test_losses_count_where_bits_do() -> None:
    training = {"epochs": 2, "best_epoch": 1, "seconds": 0.1, "history": {"loss": [0.1, 0.2]}}
    recorded = {"sampled": 5, "training": training, "prequential": {"rows": 3, "state": {"n": 1}}}
    training = {**training, "seconds": 9.0, "history": {"loss": [0.1, 0.3]}}
    replayed = {**recorded, "training": training}
    assert differing_reports(recorded, replayed, exact=False) == []
    (told,) = differing_reports(recorded, replayed, exact=True)
    assert told == "report.losses.loss: [0.1, 0.2] -> [0.1, 0.3]"
    fewer = {**recorded, "training": {**training, "epochs": 1}}
    assert differing_reports(recorded, fewer, exact=False) == ["report.training.epochs: 2 -> 1"]


def test_files_are_compared_by_their_digests_also_when_they_are_pruned(tmp_path: Path) -> None:
    one, other = make_store(tmp_path / "a", 2).folder(1), make_store(tmp_path / "b", 2).folder(1)
    assert differing_files(one, other) == []
    (one.path / "statistics.json").unlink()
    assert differing_files(one, other) == []
    other.write_statistics({"rows": 7})
    other.write_vocabulary({"kind": ["w"]})
    other.mark_done("weights 1")
    told = differing_files(one, RoundFolder(other.path))
    assert [text.split(":")[0] for text in told] == ["statistics.json", "vocabulary.json"]
    assert told[1].split(" -> ")[0] == "vocabulary.json: no such file"
