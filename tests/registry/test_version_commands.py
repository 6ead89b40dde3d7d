"""`millstream versions`, `rollback`, `journal` and `prune`, by name and store alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from mlflow import MlflowClient
from quick_versions import aliases, quick_publish
from typer.testing import CliRunner, Result

from millstream.cli import commands
from millstream.cli.terminal import console
from millstream.publishing.version_table import state_of, tell_score, versions_table
from registry import ModelRegistry, VersionNotFound


@pytest.fixture
def flown(flights: ModelRegistry) -> ModelRegistry:
    """A champion, the one before, a refused version that is a candidate, and one of others."""
    quick_publish(flights, 1)
    tags = {"millstream.metric": "auc", "millstream.latency_ms": "0.0421"}
    scores = {"test_auc": 0.75, "test_auc_low": 0.7312, "test_auc_high": 0.7694}
    quick_publish(flights, 2, tags=tags, metrics={"records": 12345.0, **scores})
    quick_publish(flights, 3, promote=False, reason="auc 0.7 [at least 0.7 needed]")
    MlflowClient(flights.tracking_uri).create_model_version("flights", "/somewhere")
    return flights


def run(registry: ModelRegistry, *arguments: str) -> Result:
    app = typer.Typer()
    commands.register(app)
    store = ("--tracking-uri", registry.tracking_uri)
    console.width = 200  # it was made with the environment of then
    return CliRunner().invoke(app, [*arguments, *store])


def test_versions(flown: ModelRegistry) -> None:
    done = run(flown, "versions", "flights")
    assert done.exit_code == 0, done.output
    lines = [line for line in done.output.splitlines() if line.strip()]
    second = next(line for line in lines if line.lstrip(" │┃").startswith("2 "))
    for told in ("12,345", "auc 0.7500", "0.0421 ms", "champion", "round 2 is better"):
        assert told in second
    assert "[0.7312, 0.7694]" in done.output
    assert "[at least 0.7 needed]" in done.output
    found = json.loads(run(flown, "versions", "models:/flights@champion", "--json").output)
    assert found["name"] == "flights"
    first, second, third, others = found["versions"]
    assert [v["state"] for v in (first, second, third, others)] == [
        "previous",
        "champion",
        "candidate",
        "not ours",
    ]
    assert (second["score"], second["score_interval"]) == (0.75, [0.7312, 0.7694])
    assert (second["records"], second["latency_ms"]) == (12345, 0.0421)
    assert (first["metric"], first["score_interval"], first["latency_ms"]) == ("auc", None, None)


def test_roll_back_and_journal(flown: ModelRegistry) -> None:
    done = run(flown, "rollback", "flights", "--reason", "it is [red] on Mondays")
    assert done.output == "flights: version 1 is the champion now; before it was version 2\n"
    again = run(flown, "rollback", "flights", "--to", "1")
    assert again.output == "flights: version 1 is the champion already\n"
    assert aliases(flown) == {"champion": 1, "previous": 2, "candidate": 3}
    table = run(flown, "journal", "flights").output
    assert "it is [red] on Mondays" in table
    assert "millstream service" in table
    found = json.loads(run(flown, "journal", "flights", "--json").output)
    assert [entry["to_version"] for entry in found["journal"]] == [1, 2, 1]
    missing = run(flown, "rollback", "flights", "--to", "9")
    assert isinstance(missing.exception, VersionNotFound)


def test_prune(flown: ModelRegistry, tmp_path: Path) -> None:
    for number in (4, 5):
        quick_publish(flown, number)
    planned = run(flown, "prune", "flights", "--keep", "1", "--dry-run").output.splitlines()
    assert planned == [
        "version 4 stays: was not published by millstream",
        "version 5 stays: is previous",
        "flights: versions would be deleted: 1, 2, 3",
    ]
    assert len(flown.versions()) == 6
    done = run(flown, "prune", "flights", "--keep", "1").output.splitlines()
    assert done[-1] == "flights: versions deleted with their artifacts: 1, 2, 3"
    assert [version.version for version in flown.versions()] == [4, 5, 6]
    assert len(list((tmp_path / "artifacts").rglob("weights"))) == 2


def test_what_there_is_not(flights: ModelRegistry) -> None:
    assert run(flights, "versions", "flights").output == "no version of flights yet\n"
    assert run(flights, "journal", "flights").output == (
        "no version of flights was ever the champion\n"
    )


def test_states_and_scores(flights: ModelRegistry) -> None:
    first = quick_publish(flights, 1, metrics={"test_rmse": 3.5})
    assert (state_of(first), tell_score(first)) == ("champion", "rmse 3.5000")
    quick_publish(flights, 2)
    undecided = quick_publish(flights, 3, compared_with=1, metrics={})
    assert (state_of(undecided), tell_score(undecided)) == ("candidate", "")
    for number in (4, 5):
        quick_publish(flights, number)
    states = [state_of(version) for version in flights.versions()]
    assert states == ["retired", "retired", "open", "previous", "champion"]


@pytest.mark.parametrize("width", [80, 100, 120, 150])
def test_no_word_of_the_table_is_cut(flown: ModelRegistry, width: int) -> None:
    console.width = width
    table = versions_table(flown.versions(), width)
    with console.capture() as captured:
        console.print(table, markup=False)
    told = captured.get()
    assert "…" not in told
    assert max(len(line) for line in told.splitlines()) <= width
    for word in ("champion", "previous", "candidate", "[0.7312, 0.7694]"):
        assert word in told, told
    assert ("--json, has when" in told) == (width < 100)
    assert ("12,345" in told) == (width >= 112)
