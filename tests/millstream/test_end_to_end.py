"""From a topic to a pulled model: real Kafka, real MLflow, and a consumer without TensorFlow."""

from __future__ import annotations

import gzip
import hashlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from ingest import Rows
from millstream.config.config import load_config
from millstream.config.gate import GateConfig, GuardSpec
from millstream.local import open_registry
from millstream.pipeline import open_pipeline
from millstream.publishing.champion import Champion, ask_champion
from millstream.publishing.evidence import make_evidence
from millstream.publishing.gate import make_gate
from millstream.publishing.promoting import champion_before
from millstream.publishing.publish import measure_rungs, publish_round
from millstream.rounds.store import RoundStore
from millstream.rungs.choice import choose_rung
from millstream.watch.board import Board
from millstream.watch.summary import summaries
from millstream.watch.verdict import BOUNDS
from registry import LiteModel, ModelRegistry, PublicationError
from trainer import FirstVersion

from .project import Project, create_topic, make_project, make_rows

TOLERANCE = 0.2  # max_output_difference of the project, which the gate holds each rung to
CONSUMER = """
import sys

ABSENT = {"tensorflow", "keras", "millstream", "ingest", "trainer", "registry"}


class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ImportError(f"{name} must not be imported by a consumer")


sys.meta_path.insert(0, Blocked())
import json

import mlflow
import numpy as np
import pandas as pd

mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
rows = pd.DataFrame(json.load(open(sys.argv[3])))
print(json.dumps(np.asarray(model.predict(rows)).ravel().tolist()))
"""


@pytest.fixture(scope="module")
def finished(kafka, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose service has run three times over 600 records each."""
    directory = tmp_path_factory.mktemp("project")
    project = make_project(directory, kafka.bootstrap_servers, f"e2e-{time.time_ns()}")
    path = directory / "millstream.toml"
    path.write_text(path.read_text().replace("rungs = []", 'rungs = ["pruned_int8", "int8"]'))
    model = directory / "model.py"  # large enough to become smaller
    wide = '    x = layers.Dense(128, activation="relu")(x)\n    x = layers.Dropout'
    model.write_text(model.read_text().replace("    x = layers.Dropout", wide))
    create_topic(kafka.bootstrap_servers, project.topic)
    for part in range(3):
        project.produce(make_rows(600, seed=part))
        ended = project.command("run", "--stop-when-idle", "0.5")
        assert ended.code == 0, ended.output
    return project


@pytest.fixture(scope="module")
def registry(finished: Project) -> ModelRegistry:
    uri = f"sqlite:///{finished.state_dir / 'mlflow.db'}"
    return ModelRegistry(finished.topic, uri, None, finished.topic)


def test_versions_are_registered_and_smaller(finished: Project, registry: ModelRegistry) -> None:
    versions = registry.versions()
    assert len(versions) >= 3
    rounds = summaries(RoundStore(finished.state_dir / "rounds"))
    assert all(item.shipped_bytes < item.float32_bytes for item in rounds)
    assert sum(item.records for item in rounds) == 1800
    assert [version.round for version in versions] == [item.number for item in rounds]
    client = MlflowClient(f"sqlite:///{finished.state_dir / 'mlflow.db'}")
    for version in versions:
        names = {file.path for file in client.list_artifacts(version.run_id)}
        assert {"plan.json", "report.json", "rungs.json", "pareto.png"} <= names


def test_tags_tell_which_records_made_a_version(finished: Project, registry: ModelRegistry) -> None:
    for version in registry.versions():
        plan = RoundStore(finished.state_dir / "rounds").folder(version.round).plan()
        for part in plan.ranges:
            tag = f"millstream.offsets.{part.topic}.{part.partition}"
            assert version.tags[tag] == f"{part.start}-{part.end}"
        assert version.tags["millstream.recipe"] == plan.recipe


def test_a_run_shows_the_records_as_its_input(
    finished: Project, registry: ModelRegistry, kafka
) -> None:
    import mlflow.data

    client = MlflowClient(f"sqlite:///{finished.state_dir / 'mlflow.db'}")
    for version in registry.versions():
        folder = RoundStore(finished.state_dir / "rounds").folder(version.round)
        (given,) = client.get_run(version.run_id).inputs.dataset_inputs
        source = mlflow.data.get_source(given)
        assert source.to_dict()["topics"] == {
            finished.topic: {
                str(part.partition): [[part.start, part.end]] for part in folder.plan().ranges
            }
        }
        assert source.data.cluster_id == kafka.cluster_id
        assert source.data.last_ms == folder.report()["last_timestamp"]
        assert json.loads(given.dataset.profile)["num_rows"] == folder.report()["counts"]["seen"]
    read = source.load(kafka.bootstrap_servers).read_all()
    assert len(read) == folder.report()["counts"]["seen"]


def test_a_version_has_a_card_and_a_model_for_keras(
    finished: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    import keras

    version, out = registry.versions()[-1], tmp_path / "out"
    registry.pull(f"{finished.topic}/{version.version}", out)
    assert not list(out.rglob("*.keras"))
    card = (out / "README.md").read_text()
    score, low, high = (version.metrics[f"test_auc{end}"] for end in ("", "_low", "_high"))
    assert low < score < high
    assert f"| auc | {score:.4f} | {low:.4f} to {high:.4f} |" in card
    client = MlflowClient(f"sqlite:///{finished.state_dir / 'mlflow.db'}")
    path, packed = (
        Path(client.download_artifacts(version.run_id, name, str(tmp_path)))
        for name in ("keras/model.keras", "float32/model.tflite.gzip")
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == version.tags["millstream.keras_sha256"]
    assert digest in card
    folder = RoundStore(finished.state_dir / "rounds").folder(version.round)
    columns = Rows.load(folder.test_rows).columns
    features = {name: np.asarray(columns[name])[:, None] for name in ("a", "b", "kind")}
    model = keras.saving.load_model(path)
    assert not model.compiled
    expected = LiteModel(gzip.decompress(packed.read_bytes())).predict(features)
    np.testing.assert_allclose(model.predict(features, verbose=0)[:, 0], expected, atol=1e-5)


def test_each_version_tells_how_it_was_compared(finished: Project, registry: ModelRegistry) -> None:
    first, *others = registry.versions()
    assert "no champion yet" in first.reason
    for version in others:
        tags, folder = version.tags, RoundStore(finished.state_dir / "rounds").folder(version.round)
        numbers = (folder.published() or {})["gate"]
        assert (numbers["compare"], numbers["test"], numbers["threshold"]) == (
            "paired",
            "delong",
            -1,
        )
        assert float(tags["millstream.gate.gain"]) == pytest.approx(numbers["gain"], rel=1e-5)
        assert version.metrics["gate_low"] == pytest.approx(numbers["low"])
        assert f"{numbers['gain']:+.4f}, at least {numbers['low']:+.4f}" in version.reason
        client = MlflowClient(f"sqlite:///{finished.state_dir / 'mlflow.db'}")
        text = client.get_model_version(finished.topic, str(version.version)).description
        assert text.startswith(version.reason)
        assert "by DeLong's test" in text


def test_what_cannot_be_registered_leaves_a_round_without_version(
    finished: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service goes on: a restart on the same round would fail the same way, for ever."""

    def refuse(*_: object) -> None:
        raise PublicationError('example: column "a" is missing')

    monkeypatch.setattr("millstream.publishing.publish.publish_until_decided", refuse)
    config = load_config(finished.directory / "millstream.toml")
    pipeline = open_pipeline(config, open_registry(config), Board(finished.state_dir / "r.json"))
    folder = RoundStore(finished.state_dir / "rounds").complete()[-1]
    note = folder.path / "published.json"
    before = note.read_bytes()
    note.unlink()
    publish_round(pipeline, folder)
    told = folder.published() or {}
    note.write_bytes(before)
    reason = 'it cannot be registered: example: column "a" is missing'
    assert told.pop("verdict")["sentence"]
    assert told == {"version": None, "promoted": False, "reason": reason}


def test_a_promoted_version_tells_how_old_its_records_were(
    finished: Project, registry: ModelRegistry
) -> None:
    told = summaries(RoundStore(finished.state_dir / "rounds"))
    promoted = [item for item in told if item.promoted]
    assert promoted
    for item in promoted:
        latency, version = item.event_to_model, registry.version(item.version)
        assert latency is not None
        assert version.promoted_at is not None
        # The promotion came after the round's records were made, and before they were an hour old.
        assert 0.0 < latency["p50_s"] <= latency["p95_s"] < 3600.0
        assert (latency["records"], latency["ahead"], latency["note"]) == (600, 0.0, "")
        for name in ("p50_s", "p95_s"):
            assert version.tags[f"millstream.event_to_model.{name}"] == f"{latency[name]:.3f}"
        latest = RoundStore(finished.state_dir / "rounds").folder(item.number).report()
        age_ms = version.promoted_at.timestamp() * 1000 - latest["last_timestamp"]
        assert age_ms / 1000 <= latency["p50_s"] + 0.001
    assert {item.verdict["bound"] for item in told} <= set(BOUNDS)


def test_a_verdict_is_the_same_again(finished: Project) -> None:
    """After a kill between registration and its note the round is published again."""
    config = load_config(finished.directory / "millstream.toml")
    pipeline = open_pipeline(config, open_registry(config), Board(finished.state_dir / "r.json"))
    folder = RoundStore(finished.state_dir / "rounds").complete()[-1]
    before = folder.published() or {}
    (folder.path / "published.json").unlink()
    other = {"rungs": ("int8",), "max_loss": 1.0, "max_output_difference": None}
    compress = config.compress.model_copy(update=other)
    publish_round(
        replace(pipeline, config=config.model_copy(update={"compress": compress})), folder
    )
    told = folder.published() or {}  # by other settings another rung would ship, but one has
    assert [rung["rung"] for rung in told["rungs"] if rung["chosen"]] == ["int8"]
    for name in ("version", "rung", "bytes", "gzip_bytes"):
        assert told[name] == before[name]
    (folder.path / "published.json").unlink()
    publish_round(pipeline, folder)
    again = folder.published() or {}
    for name in ("seconds", "verdict"):  # of this time and of that time
        assert again.pop(name).keys() == before.pop(name).keys()
    for entry in (*again["rungs"], *before["rungs"]):
        entry.update(dict.fromkeys(("latency_ms", "memory_bytes")))  # measured anew
    assert again == before
    held = replace(pipeline.gate, first=FirstVersion(burn_in_rounds=100))
    rows = Rows.load(folder.test_rows).sorted_by_identity()
    measured, _ = measure_rungs(pipeline, folder, rows)
    evidence = make_evidence(pipeline, folder, rows, measured, Champion())
    chosen = choose_rung(config.compress, held, measured, evidence).chosen
    verdict = held.decide(evidence(chosen))
    assert verdict.reason == f"burn-in: round {folder.number} of 100 that are not promoted"
    assert chosen.artifact.rung == before["rung"]
    guarded = config.model_copy(
        update={"gate": GateConfig(guards=(GuardSpec(max_loss=1.0, slice="kind", min_rows=1),))}
    )
    pipeline = replace(pipeline, config=guarded, gate=make_gate(guarded))
    champion = ask_champion(pipeline, champion_before(pipeline, folder), rows, pipeline.schema)
    evidence = make_evidence(pipeline, folder, rows, measured, champion)
    judged = pipeline.gate.guards[0].judge(evidence(chosen).answers, pipeline.gate.test, 0).judged
    assert {part["value"] for part in judged} >= {"p", "q", "r"}
    assert sum(part["rows"] for part in judged) <= len(rows)


def test_it_learns(finished: Project) -> None:
    last = summaries(RoundStore(finished.state_dir / "rounds"))[-1].prequential
    assert last["learner"]["auc"] > 0.85
    assert last["learner"]["accuracy"] > last["majority_class"]["accuracy"] + 0.2


def test_a_pulled_model_predicts_what_the_gate_measured(
    finished: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    """The consumer's predictions equal the exported bytes', and float32's within the tolerance."""
    champion = registry.champion()
    assert champion is not None
    folder = RoundStore(finished.state_dir / "rounds").folder(champion.round)
    rows = raw_rows(folder.test_rows)
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    script = tmp_path / "consumer.py"
    script.write_text(CONSUMER)
    uri = f"sqlite:///{finished.state_dir / 'mlflow.db'}"
    reference = f"models:/{finished.topic}@champion"
    pulled = subprocess.run(
        [sys.executable, str(script), uri, reference, str(tmp_path / "rows.json")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert pulled.returncode == 0, pulled.stderr
    predictions = np.array(json.loads(pulled.stdout.splitlines()[-1]), np.float32)
    exported = LiteModel(registry.tflite(champion)).predict(lite_features(rows))
    np.testing.assert_array_equal(predictions, exported)
    client = MlflowClient(uri)
    path = client.download_artifacts(champion.run_id, "float32/model.tflite.gzip", str(tmp_path))
    float32 = LiteModel(gzip.decompress(Path(path).read_bytes())).predict(lite_features(rows))
    apart = float(np.abs(predictions - float32).max())
    published = folder.published()
    assert published is not None
    assert 0.0 < apart <= TOLERANCE
    assert apart == pytest.approx(published["output_difference"], abs=1e-6)


def test_pull_writes_a_model_that_loads(finished: Project, tmp_path: Path) -> None:
    out = tmp_path / "model"
    pulled = finished.command("pull", f"{finished.topic}@champion", "-o", str(out))
    assert pulled.code == 0, pulled.output
    import mlflow

    row = {"a": [0.5], "b": [0.5], "kind": ["p"]}
    assert 0.0 <= float(np.ravel(mlflow.pyfunc.load_model(str(out)).predict(row))[0]) <= 1.0


def test_status_and_versions_tell_the_rounds(finished: Project) -> None:
    status = finished.command("status", "--json")
    facts = json.loads(status.output)
    assert facts["live"]["phase"] == "stopped"
    assert sum(item["records"] for item in facts["rounds"]) == 1800
    table = finished.command("versions", COLUMNS="200")
    assert table.code == 0
    assert "champion" in table.output
    assert "≥" in table.output


def test_a_round_replays_bit_for_bit(finished: Project) -> None:
    replayed = finished.command("replay", "2")
    assert replayed.code == 0, replayed.output
    assert "bit for bit the same" in replayed.output


def test_a_replay_with_other_settings_names_them(finished: Project, tmp_path: Path) -> None:
    path = finished.directory / "millstream.toml"
    before = path.read_text()
    path.write_text(before.replace("patience = 2", "patience = 1"))
    try:
        replayed = finished.command("replay", "2")
    finally:
        path.write_text(before)
    assert replayed.code == 7
    assert "train.patience: 2 -> 1" in replayed.output


def test_a_signal_ends_the_service_cleanly(finished: Project) -> None:
    finished.produce(make_rows(600, seed=9))
    process = finished.start("run")
    deadline = time.monotonic() + 60
    while finished.command("status", "--json").output.count('"phase": "running"') == 0:
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output


def raw_rows(path: Path) -> list[dict[str, object]]:
    """The test rows as an application has them: with the category as a string."""
    columns = Rows.load(path).columns
    names = ["s", "p", "q", "r"]
    return [
        {"a": float(a), "b": float(b), "kind": names[int(k)]}
        for a, b, k in zip(columns["a"], columns["b"], columns["kind"], strict=True)
    ]


def lite_features(rows: list[dict[str, object]]) -> dict[str, np.ndarray]:
    codes = {"s": 0, "p": 1, "q": 2, "r": 3}
    return {
        "a": np.array([row["a"] for row in rows], np.float32),
        "b": np.array([row["b"] for row in rows], np.float32),
        "kind": np.array([codes[str(row["kind"])] for row in rows], np.int32),
    }
