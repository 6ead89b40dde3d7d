"""Rungs that learn from rows: kept with the round, the same for any workers, remade by a replay."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mlflow import MlflowClient

from ingest import Rows
from millstream.config.compress import CompressConfig
from millstream.config.config import load_config
from millstream.local import open_registry
from millstream.rounds.folder import RoundFolder
from millstream.rounds.store import RoundStore
from millstream.rungs.examples import read_examples, save_examples
from tests.millstream.project import create_topic, make_project, make_rows
from tests.millstream.test_recent_rows import pipeline_of, rows_of
from trainer import run_workers

RUNGS = ("int8", "static_int8", "channels50_int8")


def test_examples_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    section = CompressConfig(rungs=("static_int8",), examples=20)
    config = SimpleNamespace(compress=section)
    rows = rows_of(np.arange(100))

    def saved(size: int) -> Rows:
        folder = RoundFolder(tmp_path / f"{size:06d}")
        folder.path.mkdir()

        def work(workers):
            mine = rows.take(rows.partition % size == workers.rank)
            save_examples(config, mine, folder, 5, workers)

        run_workers(size, work)
        assert [path.name for path in folder.path.iterdir()] == ["examples.arrow"]
        return Rows.load(folder.examples)

    one = saved(1)
    assert len(one) == 20
    assert len(set(one.offset.tolist()) - set(range(20))) > 0
    for size in (2, 3):
        assert saved(size) == one


def test_no_rung_that_learns_no_rows_are_kept(tmp_path: Path) -> None:
    folder = RoundFolder(tmp_path)
    config = SimpleNamespace(compress=CompressConfig())
    assert run_workers(1, lambda w: save_examples(config, rows_of(np.arange(9)), folder, 5, w))
    assert list(tmp_path.iterdir()) == []
    assert read_examples(folder, pipeline_of("none", weighed=False).schema) is None


@pytest.mark.slow
def test_what_was_calibrated_and_fine_tuned_is_registered_and_remade(kafka, tmp_path: Path) -> None:
    topic = "compressed"
    create_topic(kafka.bootstrap_servers, topic)
    project = make_project(tmp_path / "project", kafka.bootstrap_servers, topic, epochs=2)
    file = project.directory / "millstream.toml"
    wanted = f"rungs = {json.dumps(RUNGS)}\nfine_tune_epochs = 1\ntimed_calls = 3"
    text = file.read_text().replace("rungs = []\nmax_loss = 0.05", f"{wanted}\nmax_loss = 1.0")
    file.write_text(text.replace("max_output_difference = 0.2", "max_output_difference = 1.0"))
    project.produce(make_rows(500, 1))
    done = project.command("run", "--rounds", "1")
    assert done.code == 0, done.output

    folder = RoundStore(project.state_dir / "rounds").folder(1)
    config = load_config(file)
    rows = Rows.load(folder.examples)
    assert 100 < len(rows) <= 350
    test = Rows.load(folder.test_rows)
    assert not set(map(tuple, rows.identities())) & set(map(tuple, test.identities()))
    told = folder.published()
    assert told["rung"] in RUNGS, told["rungs"]
    by_name = {rung["rung"]: rung for rung in told["rungs"]}
    assert set(by_name) == {"float32", *RUNGS}
    assert [name for name, rung in by_name.items() if rung["chosen"]] == [told["rung"]]
    assert by_name["channels50_int8"]["bytes"] < by_name["float32"]["bytes"]
    assert all("1" in rung["latency_ms"] for rung in by_name.values()), by_name

    client = MlflowClient(open_registry(config))
    version = client.get_model_version(topic, "1")
    assert float(version.tags["millstream.latency_ms"]) > 0
    names = {item.path for item in client.list_artifacts(version.run_id)}
    assert {"rungs.json", "pareto.png"} <= names

    again = project.command("replay", f"{topic}/1")
    assert again.code == 0, again.output
    assert "bit for bit the same" in again.output
    assert told["rung"] in again.output
