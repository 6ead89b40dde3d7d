"""`python -m examples.sharded`: bytes by device, rounds from Kafka, checkpoint, export."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

import registry
import trainer
from examples.sharded.stream import make_likes
from ingest import Rows
from millstream.config.config import Config, load_config
from millstream.local import ensure_topics, open_registry
from millstream.pipeline import make_registry, make_schema
from millstream.publish_file import send_rows
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.stack.kafka import EmbeddedKafka

__all__ = ["Found", "main"]

PROJECT = Path(__file__).with_name("project")
RECORDS = 8_000
RUNS = (2, 1)


@dataclass(frozen=True)
class Found:
    """What came out.

    Attributes:
        whole: Bytes by device of the model in one piece, with its optimizer.
        sharded: The same of the sharded model.
        replayed: Whether the last round, trained again, gave the same bits.
        loaded: Whether its checkpoint, loaded, has the digest that the round recorded.
        difference: The largest one of a prediction of the exported bytes to the sharded model's.
    """

    whole: dict[str, int]
    sharded: dict[str, int]
    replayed: bool
    loaded: bool
    difference: float


def command(folder: Path, *arguments: str) -> str:
    """Run `millstream` in a process of its own; print what it prints."""
    print(f"\n$ millstream {' '.join(arguments)}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "millstream", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(done.stdout, end="", flush=True)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def held(model: keras.Model) -> tuple[dict[str, int], dict[str, int]]:
    """Bytes by device of the model in one piece, and in parts; printed as a table."""
    one = trainer.unsharded(model)
    one.compile(optimizer=model.optimizer.__class__.from_config(model.optimizer.get_config()))
    whole, sharded = trainer.bytes_by_device(one), trainer.bytes_by_device(model)
    print("bytes of weights and slots\n\ndevice       whole    sharded")
    for name in sharded:
        print(f"{name:<6} {whole.get(name, 0):>11,} {sharded[name]:>10,}")
    return whole, sharded


def train(folder: Path, broker: EmbeddedKafka) -> bool:
    """Rounds in two processes, the second going on from the first one's checkpoint; a replay."""
    options = {"bootstrap_servers": broker.bootstrap_servers}
    ensure_topics(options, ["likes"], partitions=2)
    for name in ("model.py", "millstream.toml"):
        text = (PROJECT / name).read_text().replace("SERVERS", broker.bootstrap_servers)
        (folder / name).write_text(text)
    for seed, rounds in enumerate(RUNS):
        send_rows(iter(make_likes(RECORDS * rounds, seed)), "likes", options)
        command(folder, "run", "--rounds", str(rounds))
    return "bit for bit the same" in command(folder, "replay", str(sum(RUNS)))


def exported(config: Config, folder: RoundFolder, model: keras.Model) -> float:
    """The largest difference of the published bytes' predictions, on the round's test rows."""
    versions = make_registry(config, open_registry(config))
    version = max(versions.versions(), key=lambda one: one.version)
    tflite = versions.tflite(version)
    features = Rows.load(folder.test_rows).features(make_schema(config))
    expected = trainer.Learner(model).predict(features)
    print(f"\npredictions of LiteRT beside the sharded model's, on {len(expected):,} rows")
    full = registry.export_float32(trainer.unsharded(model))
    apart = []
    for name, data in (("float32", full), (f"version {version.version}, {version.rung}", tflite)):
        apart.append(float(np.abs(registry.LiteModel(data).predict(features) - expected).max()))
        print(f"{name}: {len(data):,} bytes, at most {apart[-1]:.1e} off")
    return apart[0]


def main(_arguments: Sequence[str] = ()) -> Found:
    """Do all of it in a folder that is removed afterwards."""
    model = trainer.build_model("model:build", PROJECT, seed=7)
    whole, sharded = held(model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedKafka(folder / "kafka") as broker:
            replayed = train(folder, broker)
        config = load_config(folder / "millstream.toml")
        last = RoundStore(config.state_dir / "rounds").complete()[-1]
        loaded = trainer.load(model, last.weights) == last.digest()
        same = "the recorded" if loaded else "ANOTHER"
        print(f"\ncheckpoint of round {last.number}, loaded here: {same} digest")
        difference = exported(config, last, model)
    return Found(whole, sharded, replayed, loaded, difference)


if __name__ == "__main__":
    main(sys.argv[1:])
