"""Every format through the whole service: published, trained on, promoted, replayed, pulled."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ingest import Rows
from millstream.checkup import examine
from millstream.config.config import Config, load_config
from millstream.local import ensure_topics, open_registry
from millstream.pipeline import make_registry, make_schema, open_pipeline
from millstream.publish_file import send_rows
from millstream.replay.replay import replay_round
from millstream.rounds.store import RoundStore
from millstream.service import RunOptions, run_service
from millstream.watch.board import Board
from registry import LiteModel

from ..ingest.registry_server import registry_server
from .formats import AVRO, columns_of, describe_event, make_formats, make_records

# Every format once; `make test-long` also runs those that differ by the frame around a value alone.
NAMES = (
    *("json-confluent", "avro-confluent", "protobuf", "example", "struct"),
    *(
        pytest.param(name, marks=pytest.mark.long)
        for name in ("json", "avro", "protobuf-confluent")
    ),
)
ROWS = 400
CONFIG = """
[kafka]
topics = ["{topic}"]
bootstrap_servers = "{servers}"
[format]
{format}
[schema]
label = {{ name = "y", type = "bool" }}
[schema.features]
shape = {{ type = "float32", length = 4 }}
kind = {{ type = "category", vocabulary = ["p", "q", "r"] }}
when = "timestamp"
count = {{ type = "int32", min = 0, max = 8, default = 0 }}
[sample]
window = 300
holdout = 0.3
[train]
task = "binary"
batch_size = 64
epochs = 2
[trigger]
records = {records}
seconds = 60
[registry]
name = "formats"
min_rows = 20
[compress]
rungs = []
"""
MODEL = """
import keras
from keras import layers, ops


def build():
    inputs = {
        "shape": keras.Input((4,), name="shape"),
        "kind": keras.Input((1,), name="kind", dtype="int32"),
        "when": keras.Input((1,), name="when", dtype="int64"),
        "count": keras.Input((1,), name="count", dtype="int32"),
    }
    parts = [
        inputs["shape"],
        layers.Flatten()(layers.Embedding(4, 2)(inputs["kind"])),
        ops.cast(inputs["when"] % 86_400_000, "float32") / 86_400_000.0,
        ops.cast(inputs["count"], "float32") / 8.0,
    ]
    hidden = layers.Dense(8, activation="relu")(layers.Concatenate()(parts))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy")
    return model
"""


@pytest.fixture(scope="module")
def schemas() -> Iterator[SimpleNamespace]:
    """A schema registry that has the schemas, and asks for a password."""
    with registry_server() as server:
        server.auth = "me:hunter2"
        avro = server.register("events-value", json.dumps(AVRO))
        file = describe_event().file[-1].SerializeToString()
        proto = server.register("others-value", base64.b64encode(file).decode(), "PROTOBUF")
        yield SimpleNamespace(url=server.url, ids=(avro, proto))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
def test_a_format_is_trained_on_promoted_and_replayed(
    kafka, schemas, name: str, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_AUTH", "me:hunter2")
    config = make_config(tmp_path, kafka.bootstrap_servers, topic, name, schemas)
    form, records = make_formats(tmp_path, *schemas.ids)[name], make_records(ROWS, seed=3)
    values = [form.encode(record) for record in records]
    values.insert(100, form.broken)
    ensure_topics({"bootstrap_servers": kafka.bootstrap_servers}, [topic], partitions=2)
    send_rows(iter(values), topic, {"bootstrap_servers": kafka.bootstrap_servers})

    board = Board(tmp_path / "status.json")
    run_service(config, RunOptions(max_rounds=1), board, threading.Event())
    folder = RoundStore(config.state_dir / "rounds").folder(1)
    counts = folder.report()["counts"]
    assert (counts["seen"], counts["bad"]) == (ROWS + 1, 1)
    assert (folder.published() or {})["promoted"], folder.published()

    pipeline = open_pipeline(config, open_registry(config), board)
    assert replay_round(pipeline, kafka.bootstrap_servers, 1).identical
    check_pulled(config, tmp_path / "pulled", records)
    findings = {finding.check: finding for finding in examine(config)}
    assert findings["model"].well
    assert findings["format"].well, findings["format"].found
    schema_id = schemas.ids["protobuf" in name]
    framed = f", written with schema {schema_id}" if "confluent" in name else ""
    assert findings["records"].found.startswith("1 of the newest")
    assert findings["records"].found.endswith(framed)
    for path in config.state_dir.rglob("*.json"):
        assert "hunter2" not in path.read_text()


def make_config(folder: Path, servers: str, topic: str, name: str, schemas) -> Config:
    """The project on disk."""
    section = make_formats(folder, *schemas.ids)[name].section.replace("{url}", schemas.url)
    text = CONFIG.format(topic=topic, servers=servers, format=section, records=ROWS + 1)
    (folder / "millstream.toml").write_text(text)
    (folder / "model.py").write_text(MODEL)
    return load_config(folder / "millstream.toml")


def check_pulled(config: Config, out: Path, records) -> None:
    """The pulled model predicts raw records as its bytes predict the decoded rows."""
    import mlflow

    make_registry(config, open_registry(config)).pull("formats@champion", out)
    model = mlflow.pyfunc.load_model(str(out))
    schema = make_schema(config)
    rows = Rows.load(RoundStore(config.state_dir / "rounds").folder(1).test_rows)
    assert rows.columns["shape"].shape == (len(rows), 4)
    expected = LiteModel((out / "model.tflite").read_bytes()).predict(rows.features(schema))
    # Every record has a day of its own, so its moment says which one a row was.
    by_moment = {record["when"].timestamp() * 1000: record for record in records}
    chosen = [by_moment[ms] for ms in rows.columns["when"].tolist()]
    found = model.predict(pd.DataFrame(columns_of(chosen)))
    np.testing.assert_array_equal(found, expected)
