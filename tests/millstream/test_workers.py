"""One, two or three worker processes train the same model: real processes, a real broker."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from kafka import KafkaProducer

from millstream.durable import read_as
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.watch.board import LiveState
from tests.millstream.project import Project, create_topic, make_rows

# Records for each partition: some get few in a round, or none; the last batch is a short one.
STAGES = ((300, 200, 40, 0), (90, 0, 0, 230), (10, 200, 150, 60))
CONFIG = """
[kafka]
topics = ["{topic}"]
bootstrap_servers = "{servers}"
[schema]
label = {{ name = "y", type = "bool" }}
[schema.features]
a = "float32"
b = "float32"
kind = {{ type = "category", vocabulary = ["p"], grow = 9 }}
[sample]
seed = 11
window = 300
holdout = 0.3
holdout_rows = 100
policy = {{ kind = "balanced", by = "y" }}
[history]
rows = 150
ratio = 0.4
[[augment.steps]]
kind = "gaussian_noise"
probability = 0.5
[train]
task = "binary"
batch_size = 64
epochs = 6
patience = 1
determinism = "{determinism}"
[trigger]
records = 100000
[compress]
rungs = []
[registry]
name = "{name}"
min_rows = 20
[page]
enabled = false
[service]
log_format = "json"
"""
MODEL = """
import keras
from keras import layers
from millstream import StreamNormalization


def build():
    a, b = keras.Input((1,), name="a"), keras.Input((1,), name="b")
    kind = keras.Input((1,), name="kind", dtype="int32")
    parts = [StreamNormalization("a")(a), b, layers.Flatten()(layers.Embedding(10, 3)(kind))]
    x = layers.Dense(24, activation="relu", kernel_regularizer="l2")(layers.Concatenate()(parts))
    {norm}
    x = layers.Dropout(0.3)(x)
    y = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model({{"a": a, "b": b, "kind": kind}}, y)
    model.compile(
        optimizer=keras.optimizers.Adam(2e-2, global_clipnorm=0.5),
        loss="binary_crossentropy",
        metrics=["accuracy", "auc"],
    )
    return model
"""
NORM = {"bitwise": "", "numeric": "x = layers.BatchNormalization(synchronized=True)(x)"}


def project(directory: Path, servers: str, topic: str, determinism: str) -> Project:
    directory.mkdir()
    options = {"servers": servers, "topic": topic, "name": f"{topic}-{directory.name}"}
    config = CONFIG.format(determinism=determinism, **options)
    (directory / "millstream.toml").write_text(config)
    (directory / "model.py").write_text(MODEL.format(norm=NORM[determinism]))
    return Project(directory, servers, topic)


def send(servers: str, topic: str, stage: int) -> None:
    producer = KafkaProducer(bootstrap_servers=servers)
    rows = iter(make_rows(sum(STAGES[stage]), seed=stage))
    for partition, count in enumerate(STAGES[stage]):
        for _ in range(count):
            producer.send(topic, next(rows), partition=partition)
    producer.close()


def run(made: Project, workers: int) -> RoundFolder:
    """A round of all that was sent so far."""
    temporary = made.directory / "temporary"
    temporary.mkdir(exist_ok=True)
    command = ["run", "--stop-when-idle", "1", "--rounds", "1", "--workers", str(workers)]
    done = made.command(*command, timeout=240, TMPDIR=str(temporary))
    assert done.code == 0, done.output
    assert not [*temporary.glob("__autograph*"), *temporary.glob("millstream-*")]
    latest = RoundStore(made.state_dir / "rounds").latest()
    assert latest.plan().workers == workers
    logs = [made.state_dir / "workers" / f"{rank}.log" for rank in range(1, workers)]
    for text in (done.output, *(path.read_text() for path in logs)):
        lines = [json.loads(line) for line in text.splitlines()]
        began = [line["round"] for line in lines if " begins: " in line["message"]]
        assert began[-1] == latest.number
    live = read_as(made.state_dir / "status.json", LiveState)
    assert len(live.partitions) == len(STAGES[0])
    return latest


def weights(folder: RoundFolder) -> list[np.ndarray]:
    with np.load(folder.weights) as file:
        return [file[name] for name in sorted(file.files) if name != "header"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "numbers", [(2, 3), pytest.param((2, 1, 3), marks=pytest.mark.long)], ids=["2-3", "2-1-3"]
)
def test_a_run_stops_with_two_workers_and_goes_on_with_others(
    kafka, numbers: tuple[int, ...], topic: str, tmp_path: Path
) -> None:
    servers = kafka.bootstrap_servers
    create_topic(servers, topic)
    together = project(tmp_path / "together", servers, topic, "bitwise")
    for stage, workers in enumerate(numbers):
        send(servers, topic, stage)
        report = run(together, workers).report()
        assert report["history"]["recalled"] > 0 or stage == 0
        assert report["training"]["epochs"] > 1
    # One worker trains all rounds anew: weights, statistics, words, scores and decisions.
    replayed = together.command("replay", "--from-scratch", timeout=240)
    assert "bit for bit the same" in replayed.output, replayed.output


@pytest.mark.slow
@pytest.mark.long  # in short: tests/trainer/test_elastic_workers.py
@pytest.mark.timeout(300)
def test_two_workers_differ_from_one_by_rounding_only(kafka, topic: str, tmp_path: Path) -> None:
    servers = kafka.bootstrap_servers
    create_topic(servers, topic)
    send(servers, topic, 0)
    one = run(project(tmp_path / "one", servers, topic, "numeric"), 1)
    two = run(project(tmp_path / "two", servers, topic, "numeric"), 2)
    moved = max(np.abs(w.astype(float)).max(initial=0.0) for w in weights(one))
    for mine, theirs in zip(weights(one), weights(two), strict=True):
        if mine.dtype.kind in "iu":
            assert mine.tolist() == theirs.tolist()
        else:
            np.testing.assert_allclose(theirs, mine, rtol=1e-4, atol=1e-5 * moved)
    seen, same = one.report(), two.report()
    assert seen["training"]["epochs"] == same["training"]["epochs"]
    assert seen["training"]["best_epoch"] == same["training"]["best_epoch"]
    assert seen["counts"] == same["counts"]
    assert seen["event_times"] == same["event_times"]
    live = read_as(tmp_path / "two" / ".millstream" / "status.json", LiveState)
    assert set(live.partitions) == {f"{topic}[{number}]" for number in range(4)}
    assert [live.partitions[f"{topic}[{n}]"].position for n in range(4)] == list(STAGES[0])
