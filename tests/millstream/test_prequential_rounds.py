"""Slices, faded scores, river's model and MLflow's curves, through the whole service."""

from __future__ import annotations

import json
import logging
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from millstream.config.config import load_config
from millstream.pipeline import make_schema
from millstream.prequential.river import RiverBeside
from millstream.publishing.tracking import track_rounds
from millstream.rounds.store import RoundStore
from registry import ModelRegistry

from .project import create_topic, make_project, make_rows

SECTION = """
[prequential]
slices = ["kind", "a"]
slice_rows = 10
slice_bins = 2
fading = 0.99
river = "hoeffding_tree"
river_rows = 200
"""


def test_rounds_are_curves_that_a_restart_goes_on_with(
    kafka, topic: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    create_topic(kafka.bootstrap_servers, topic)
    made = make_project(tmp_path / "p", kafka.bootstrap_servers, topic, epochs=1)
    with (made.directory / "millstream.toml").open("a") as file:
        file.write(SECTION)
    for seed in (1, 2):
        made.produce(make_rows(500, seed))
        ended = made.command("run", "--rounds", "1")
        assert ended.code == 0, ended.output
    store = RoundStore(made.state_dir / "rounds")
    first, second = (store.folder(n).report()["prequential"] for n in (1, 2))
    check_reports(first, second)
    status = made.command("status")
    assert "slice of round 2" in status.output
    assert "kind = p" in status.output

    config = load_config(made.directory / "millstream.toml")
    after = RiverBeside(config, make_schema(config)).after(store.folder(2))
    assert (after.since, after.rows) == (1, 400)

    client, run = service_run(made.state_dir)
    for metric in ("prequential/learner_auc", "faded/river_accuracy", "round/records"):
        points = client.get_metric_history(run.info.run_id, metric)
        assert [point.step for point in points] == [1, 2], metric
    told = {"faded/no_change_accuracy", "slices/kind/p/learner_rows", "slices/a/q1/learner_auc"}
    assert told <= set(run.data.metrics)
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        "faded.png",
        "slices.png",
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{free.getsockname()[1]}"
    parts = SimpleNamespace(store=store, config=config, registry=ModelRegistry("away", away))
    with caplog.at_level(logging.WARNING):
        track_rounds(parts)
    assert "the curves in MLflow lack round 2, the next round adds it" in caplog.text


def check_reports(first: dict, second: dict) -> None:
    """What one round carries to the next is in its report."""
    assert set(first["slices"]["learner"]) == {"kind"}, "no statistics before the first round"
    assert set(second["slices"]["learner"]) == {"kind", "a"}
    assert set(second["slices"]["learner"]["a"]) == {"q1", "q2"}
    sliced = second["slices"]["learner"]["kind"].values()
    assert sum(part["rows"] for part in sliced) == second["rows"]
    for who in ("learner", "river", "majority_class", "no_change"):
        s, b = second["faded"][who]["sums"]["accuracy"]
        assert second["faded"][who]["accuracy"] == pytest.approx(s / b)
        before = first["faded"][who]["sums"]["accuracy"]
        kept = 0.99 ** second["rows"]
        assert b == pytest.approx((1 - kept) / (1 - 0.99) + kept * before[1])
    assert second["river_model"]["since"] == 1
    assert second["river_model"]["rows"] == first["river_model"]["rows"] + 200
    assert json.dumps(second, allow_nan=False)


def service_run(state_dir: Path) -> tuple:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{state_dir / 'mlflow.db'}")
    experiments = [one.experiment_id for one in client.search_experiments()]
    runs = client.search_runs(experiments, "attributes.run_name = 'millstream.service'")
    assert len(runs) == 1
    return client, runs[0]
