"""A small project on disk for end-to-end tests, and the commands run on it as a user would."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from kafka import KafkaConsumer, TopicPartition

from millstream.local import ensure_topics
from millstream.publish_file import send_rows

from .preloaded import Started

CONFIG = """
[kafka]
topics = ["{topic}"]
bootstrap_servers = "{servers}"
bad_ratio_min_records = 100
[schema]
label = {{ name = "y", type = "bool" }}
[schema.features]
a = "float32"
b = "float32"
kind = {{ type = "category", vocabulary = ["p", "q", "r"] }}
[sample]
seed = 11
window = 600
holdout = 0.3
holdout_rows = 300
[train]
task = "binary"
batch_size = 64
epochs = {epochs}
patience = 2
[trigger]
records = {records}
seconds = 30
[registry]
name = "{name}"
min_rows = 20
[gate]
margin = 1.0
must_beat_baseline = false
[compress]
rungs = []
max_loss = 0.05
max_output_difference = 0.2
[page]
enabled = false
[service]
keep_rounds = {keep_rounds}
"""

MODEL = """
import keras
from keras import layers


def build():
    a, b = keras.Input((1,), name="a"), keras.Input((1,), name="b")
    kind = keras.Input((1,), name="kind", dtype="int32")
    x = layers.Concatenate()([a, b, layers.Flatten()(layers.Embedding(4, 3)(kind))])
    x = layers.Dropout(0.1)(layers.Dense(64, activation="relu")(x))
    x = layers.Dense(32, activation="relu")(x)
    y = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model({"a": a, "b": b, "kind": kind}, y)
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy")
    return model
"""


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    output: str


@dataclass(frozen=True)
class Project:
    """A folder with millstream.toml and model.py, and the topic it reads."""

    directory: Path
    servers: str
    topic: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def state_dir(self) -> Path:
        return self.directory / ".millstream"

    def produce(self, rows: Iterable[bytes]) -> int:
        return send_rows(iter(rows), self.topic, {"bootstrap_servers": self.servers})

    def start(self, *arguments: str, **environment: str) -> Started:
        whole = {**os.environ, **self.environment, **environment}
        return Started(arguments, self.directory, whole)

    def command(self, *arguments: str, timeout: float = 120, **environment: str) -> Finished:
        started = self.start(*arguments, **environment)
        code = started.wait(timeout)
        text, _ = started.communicate(0)
        assert code is not None, f"{arguments} did not end in {timeout} s:\n{text}"
        return Finished(code, text)


def create_topic(servers: str, topic: str) -> None:
    """A topic of four partitions."""
    ensure_topics({"bootstrap_servers": servers}, [topic], partitions=4)


def make_project(directory: Path, servers: str, topic: str, **overrides: object) -> Project:
    """Write the project's files."""
    values = {"epochs": 4, "records": 500, "keep_rounds": 20, "name": topic} | overrides
    directory.mkdir(parents=True, exist_ok=True)
    text = CONFIG.format(servers=servers, topic=topic, **values)
    (directory / "millstream.toml").write_text(text)
    (directory / "model.py").write_text(MODEL)
    return Project(directory, servers, topic)


def normalize(project: Project, *names: str) -> None:
    """Let the model take some of its numbers by the statistics of the stream."""
    given = "Concatenate()([a, b, "
    assert given in MODEL
    taken = given
    for name in names:
        taken = taken.replace(f"{name}, ", f'StreamNormalization("{name}")({name}), ')
    text = "from millstream import StreamNormalization\n" + MODEL.replace(given, taken)
    (project.directory / "model.py").write_text(text)


def make_rows(count: int, seed: int) -> list[bytes]:
    """Records that can be learned: y depends on a, b and kind."""
    random = np.random.default_rng(seed)
    a, b = random.normal(size=count), random.normal(size=count)
    kind = random.choice(["p", "q", "r", "s"], count)
    y = a + 0.5 * b * (kind == "q") + 0.3 * random.normal(size=count) > 0
    return [
        json.dumps({"a": x, "b": z, "kind": k, "y": bool(t)}).encode()
        for x, z, k, t in zip(a.tolist(), b.tolist(), kind.tolist(), y.tolist(), strict=True)
    ]


def read_all(servers: str, topic: str) -> list:
    """All records of a topic, up to the end that it has now."""
    consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", group_id=None)
    try:
        found = []
        partitions = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for records in consumer.poll(timeout_ms=200).values():
                found += records
        return found
    finally:
        consumer.close()
