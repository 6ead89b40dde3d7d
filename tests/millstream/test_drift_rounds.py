"""A stream whose labels turn: the detector fires, the plan says what is done, a replay does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from millstream.round_store import RoundFolder, RoundStore

from .project import Project, create_topic, make_project, make_rows

DRIFT = """
[history]
rows = 500
[drift]
detector = { kind = "adwin", delta = 0.01 }
error = "zero_one"
feature_test = "ks"
reaction = { recent = { rounds = 2, half_life = 0.2, history = 0.5 }, reset_learning_rate = true }
"""


def turned(rows: list[bytes]) -> list[bytes]:
    """The same records with the other label."""
    swap = {b'"y": true': b'"y": false', b'"y": false': b'"y": true'}
    return [line.replace(old, swap[old]) for line in rows for old in swap if old in line]


@pytest.fixture(scope="module")
def drifted(kafka, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Six rounds of 500 records each; from about the fifth on the labels are the other ones."""
    directory = tmp_path_factory.mktemp("drift")
    project = make_project(directory, kafka.bootstrap_servers, "drift-rounds")
    path = directory / "millstream.toml"
    text = path.read_text().replace("[compress]", "[compress]\nrungs = []")
    text = text.replace("records = 500", "records = 500\nmax_records = 500")
    path.write_text(text + DRIFT)
    create_topic(project.servers, project.topic)
    for part in range(6):
        rows = make_rows(500, seed=part)
        project.produce(turned(rows) if part >= 4 else rows)
    ended = project.command("run", "--stop-when-idle", "0.5")
    assert ended.code == 0, ended.output
    return project


def rounds_of(project: Project) -> list[RoundFolder]:
    return RoundStore(Path(project.state_dir) / "rounds").complete()


@pytest.mark.slow
def test_the_round_reacts_in_which_the_drift_was_found(drifted: Project) -> None:
    plans = [folder.plan() for folder in rounds_of(drifted)]
    assert [plan.reaction is not None for plan in plans] == [False] * 5 + [True, True]
    found, rest = plans[5].reaction, plans[6].reaction
    assert found.why.startswith("the error rose from 0.")
    assert found.reset_learning_rate
    assert found.half_life_ms > 0
    assert rest.why == found.why
    assert not rest.reset_learning_rate
    recalled = [plan.history_rows for plan in plans[4:]]
    assert recalled[1] == recalled[0] // 2


@pytest.mark.slow
def test_the_report_tells_what_was_found(drifted: Project) -> None:
    reports = [folder.report() for folder in rounds_of(drifted)[1:]]
    assert [bool(report["drift"]["found"]) for report in reports] == [False] * 4 + [True, False]
    error = reports[4]["drift"]["error"]
    assert error["before"] < 0.35 < error["after"]
    assert reports[4]["first_timestamp"] <= error["changed_ms"] <= reports[4]["last_timestamp"]
    features = reports[4]["drift"]["features"]
    assert [each["name"] for each in features] == ["a", "b", "kind"]
    assert not any(each["shifted"] for each in features)


@pytest.mark.slow
def test_the_round_that_reacts_replays_bit_for_bit(drifted: Project) -> None:
    replayed = drifted.command("replay", "5")
    assert replayed.code == 0, replayed.output
    assert "bit for bit the same" in replayed.output
