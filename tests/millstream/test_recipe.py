"""The recipe names exactly what decides weights."""

from __future__ import annotations

import json
from pathlib import Path

from ingest import NoDeadLetters, Position, RecordBatch
from millstream.config.config import Config, load_config
from millstream.pipeline import make_builder, open_pipeline
from millstream.recipe import differences, fingerprint, make_recipe, round_seed
from millstream.watch.board import Board

from .project import make_project
from .test_config import GOOD, write


def load(tmp_path: Path, before: str = "", after: str = "") -> Config:
    return load_config(write(tmp_path, GOOD.replace(before, after) if before else GOOD))


def test_places_do_not_count_settings_do(tmp_path: Path) -> None:
    base = make_recipe(load(tmp_path), "model")
    elsewhere = load(tmp_path, '["events"]', '["events"]\nbootstrap_servers = "b:1"')
    assert fingerprint(make_recipe(elsewhere, "model")) == fingerprint(base)
    longer = load(tmp_path, 'task = "binary"', 'task = "binary"\nepochs = 3')
    changed = make_recipe(longer, "model")
    assert fingerprint(changed) != fingerprint(base)
    assert differences(base, changed) == ["train.epochs: 20 -> 3"]
    assert fingerprint(make_recipe(load(tmp_path), "other model")) != fingerprint(base)


def test_records_are_read_by_the_files_that_the_recipe_tells(tmp_path: Path) -> None:
    make_project(tmp_path, "127.0.0.1:1", "t")
    path, schema = tmp_path / "millstream.toml", tmp_path / "event.avsc"
    path.write_text(f'{path.read_text()}\n[format]\nkind = "avro"\navro_schema = "event.avsc"\n')
    kinds = {"a": "float", "b": "float", "kind": "string", "y": "boolean"}
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
    schema.write_text(json.dumps({"type": "record", "name": "E", "fields": fields}))
    pipeline = open_pipeline(load_config(path), f"sqlite:///{tmp_path}/m.db", Board(path))
    schema.unlink()
    builder = make_builder(pipeline, NoDeadLetters(), Position())
    record = b"\0\0\x80\x3f" + b"\0\0\0\x40" + b"\x02a" + b"\x01"
    builder.add(RecordBatch.of("t", 0, [0], [record]))
    assert (builder.counts.seen, builder.counts.bad) == (1, 0)
    assert not (pipeline.config.state_dir / "recipes").exists()  # only a service writes them


def test_round_seeds_fit_and_differ() -> None:
    seeds = {round_seed(seed, number) for seed in range(50) for number in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= seed < 2**31 for seed in seeds)
