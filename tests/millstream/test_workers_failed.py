"""Records that one of two workers cannot train on: real processes, a real broker."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from kafka import KafkaProducer

from ingest import split
from ingest.split import TRAIN, VALIDATION
from millstream.rounds.store import RoundFolder, RoundStore
from tests.millstream.project import Finished, Project, create_topic, make_rows

pytestmark = pytest.mark.long
SEED, HOLDOUT = 11, 0.3
EACH = 60  # records of a partition in a round
ROUNDS = 4
FAILS = {2: TRAIN, 3: VALIDATION}  # rounds in which partition 1 has an odd record, and its side
CONFIG = """
[kafka]
topics = ["{topic}"]
bootstrap_servers = "{servers}"
[schema]
label = {{ name = "y", type = "bool" }}
[schema.features]
a = "float32"
place = "int32"
[sample]
seed = {seed}
holdout = {holdout}
[history]
rows = 100
[train]
task = "binary"
batch_size = 64
epochs = 2
determinism = "bitwise"
[trigger]
records = {records}
[compress]
rungs = []
[registry]
name = "{name}"
min_rows = 20
"""
MODEL = """
import keras
from keras import layers


def build():
    a, place = keras.Input((1,), name="a"), keras.Input((1,), name="place", dtype="int32")
    x = layers.Concatenate()([a, layers.Flatten()(layers.Embedding(3, 2)(place))])
    y = layers.Dense(1, activation="sigmoid")(layers.Dense(8, activation="relu")(x))
    model = keras.Model({"a": a, "place": place}, y)
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model
"""


def project(directory: Path, servers: str, topic: str) -> Project:
    directory.mkdir()
    values = {"seed": SEED, "holdout": HOLDOUT, "records": 4 * EACH}
    name = f"{topic}-{directory.name}"
    text = CONFIG.format(servers=servers, topic=topic, name=name, **values)
    (directory / "millstream.toml").write_text(text)
    (directory / "model.py").write_text(MODEL)
    return Project(directory, servers, topic)


def send(producer: KafkaProducer, topic: str, number: int) -> None:
    """The records of a round; in some partition 1 has a place outside of the model's table."""
    for partition in range(4):
        rows = make_rows(EACH, seed=4 * number + partition)
        places = np.arange(EACH) % 3
        if partition == 1 and number in FAILS:
            offsets = EACH * (number - 1) + np.arange(EACH)
            sides = split(SEED, [topic], 0, partition, offsets, HOLDOUT)
            places[np.flatnonzero(sides == FAILS[number])[0]] = 99
        for row, place in zip(rows, places.tolist(), strict=True):
            value = json.dumps({**json.loads(row), "place": place}).encode()
            producer.send(topic, value, partition=partition)
    producer.flush()


def feed(servers: str, topic: str, projects: list[Project], ended: threading.Event) -> None:
    """Send the records of each round once both have planned the one before it.

    So those of the next one are there when a round that failed is read again.
    """
    producer = KafkaProducer(bootstrap_servers=servers)
    for number in range(1, ROUNDS + 1):
        send(producer, topic, number)
        plans = [made.state_dir / "rounds" / f"{number:06d}" / "plan.json" for made in projects]
        while not (all(plan.exists() for plan in plans) or ended.wait(0.1)):
            pass
    producer.close()


def run_both(servers: str, topic: str, projects: list[Project]) -> list[Finished]:
    """Run the first with one worker and the second with two, at once, on the same records."""
    ended, command = threading.Event(), ("run", "--rounds", str(ROUNDS))
    with ThreadPoolExecutor() as pool:
        fed = pool.submit(feed, servers, topic, projects, ended)
        runs = [
            pool.submit(made.command, *command, "--workers", str(workers), timeout=500)
            for workers, made in enumerate(projects, 1)
        ]
        try:
            return [run.result() for run in runs]
        finally:
            ended.set()
            fed.result()


def rounds(made: Project) -> list[RoundFolder]:
    return RoundStore(made.state_dir / "rounds").complete()[1:]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_one_worker_cannot_train_on_costs_its_round_only(
    kafka, topic: str, tmp_path: Path
) -> None:
    servers = kafka.bootstrap_servers
    create_topic(servers, topic)
    one, two = (project(tmp_path / name, servers, topic) for name in ("one", "two"))
    alone, done = run_both(servers, topic, [one, two])
    assert alone.code == 0, alone.output
    assert done.code == 0, done.output
    # An error of a step costs all a restart; one of the judging of validation rows does not.
    assert done.output.count("all workers begin again") == 1, done.output
    assert "worker 1 could not train on its records" in done.output
    assert not (two.state_dir / "workers" / "failed.json").exists()
    made = list(zip(rounds(one), rounds(two), strict=True))
    assert [folder.number for folder, _ in made] == list(range(1, ROUNDS + 1))
    for single, several in made:
        plan, report = several.plan(), several.report()
        begin, end = EACH * (several.number - 1), EACH * several.number
        assert [(part.start, part.end) for part in plan.ranges] == [(begin, end)] * 4
        assert several.digest() == single.digest()
        assert report["counts"] == single.report()["counts"]
        assert report["statistics"] == single.report()["statistics"]
        why = report["training"]["diverged"]
        assert bool(why) is bool(single.report()["training"]["diverged"])
        assert bool(why) is (several.number in FAILS)
        assert why is None or "is not in [0, 3)" in why
        assert (plan.untrained is not None) is (FAILS.get(several.number) == TRAIN)
        assert plan.workers == 2
    # A replay does not train what the round did not, and comes to the same state.
    replayed = two.command("replay", "--from-scratch", timeout=240)
    assert "bit for bit the same" in replayed.output, replayed.output
