"""State folders as older versions wrote them, and records to go on with."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from ingest import NoDeadLetters, Position, RecordBatch, Window
from millstream.config.config import Config, load_config
from millstream.local import open_registry
from millstream.pipeline import Pipeline, make_builder, open_pipeline
from millstream.watch.board import Board

FIXTURES = Path(__file__).parents[1] / "fixtures" / "state"
TOPIC = "state-1"


@dataclass(frozen=True)
class Record:
    """One record of the topic that the rounds were made of."""

    partition: int
    timestamp: int
    value: bytes


def records() -> list[Record]:
    """Those of the two rounds, by partition and offset."""
    lines = (FIXTURES / "1" / "records.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [Record(r["partition"], r["timestamp"], r["value"].encode()) for r in found]


def copied(directory: Path, bootstrap_servers: str | None = None) -> Config:
    """A project that goes on with the state folder of format 1."""
    source = FIXTURES / "1"
    for name in ("rounds", "history", "recipes"):
        shutil.copytree(source / name, directory / ".millstream" / name)
    shutil.copy(source / "model.py", directory)
    text = (source / "millstream.toml").read_text()
    if bootstrap_servers:
        text = text.replace("[kafka]", f'[kafka]\nbootstrap_servers = "{bootstrap_servers}"')
    (directory / "millstream.toml").write_text(text)
    return load_config(directory / "millstream.toml")


def opened(config: Config) -> Pipeline:
    """Its parts."""
    return open_pipeline(config, open_registry(config), Board(config.state_dir / "s.json"))


def next_window(pipeline: Pipeline, start: Position) -> Window:
    """A window of records that come after the second round: those of the first two once more."""
    builder = make_builder(pipeline, NoDeadLetters(), start)
    for partition in (0, 1):
        own = [record for record in records() if record.partition == partition]
        first = start.get(TOPIC, partition) or 0
        builder.add(
            RecordBatch.of(
                TOPIC,
                partition,
                range(first, first + len(own)),
                [record.value for record in own],
                timestamps=[record.timestamp + 240_000 for record in own],
            )
        )
    return builder.build()
