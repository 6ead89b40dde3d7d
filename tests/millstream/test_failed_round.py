"""The note of a round that failed on one worker, the last round of workers, and bounded logs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ingest import Position
from millstream.cli.workers import command_of
from millstream.rounds.plan import Plan
from millstream.rounds.store import RoundStore
from millstream.service import RunOptions
from millstream.watch.log_file import keep_short
from millstream.workers.failed_round import find_failed, forget_failed, note_failed
from trainer import Communicator, run_workers

START, END = Position({"t": {0: 0}}), Position({"t": {0: 7}})
FIRST = Plan(0, None, START, START, (), 1, "recipe", "start", 0)
FAILED = replace(FIRST, round=1, parent=0, end=END, reason="7 records")


@pytest.fixture
def store(tmp_path: Path) -> RoundStore:
    """One with round 0."""
    store = RoundStore(tmp_path / "rounds")
    folder = store.begin(FIRST)
    folder.write_report({})
    folder.mark_done("0" * 64)
    return store


def pipeline(state_dir: Path, line: Communicator, recipe: str = "recipe") -> SimpleNamespace:
    return SimpleNamespace(
        config=SimpleNamespace(state_dir=state_dir),
        recipe_fingerprint=recipe,
        workers=line,
        is_chief=line.rank == 0,
    )


def test_all_workers_find_the_round_that_failed(store: RoundStore, tmp_path: Path) -> None:
    parent = store.latest()
    config = SimpleNamespace(state_dir=tmp_path)
    note_failed(config, FAILED, parent, "why")

    def find(recipe: str = "recipe") -> list:
        return run_workers(2, lambda line: find_failed(pipeline(tmp_path, line, recipe), parent))

    found = find()
    assert [(each.plan, each.why) for each in found] == [(FAILED, "why")] * 2
    assert find("another recipe") == [None, None]
    note = tmp_path / "workers" / "failed.json"
    content = note.read_bytes()
    note.write_bytes(content.replace(b"7 records", b"8 records"))
    assert find() == [None, None]
    note.write_bytes(content)
    following = store.begin(FAILED)
    following.write_report({})
    following.mark_done("1" * 64)
    parent = store.latest()
    assert find() == [None, None]
    forget_failed(config)
    assert not note.exists()


def test_workers_that_begin_again_know_the_last_round(store: RoundStore, tmp_path: Path) -> None:
    options, file = RunOptions(max_rounds=5), tmp_path / "millstream.toml"
    assert command_of(options, file, store)[-2:] == ["--last-round", "5"]
    following = store.begin(FAILED)
    following.write_report({})
    following.mark_done("1" * 64)
    assert command_of(options, file, store)[-2:] == ["--last-round", "6"]
    assert "--last-round" not in command_of(RunOptions(), file, store)


def test_a_log_that_is_open_elsewhere_is_emptied(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("ab", buffering=0) as file:
        file.write(b"0123456789")
        keep_short(path, 10)
        assert path.stat().st_size == 10
        file.write(b"x")
        keep_short(path, 10)
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert (tmp_path / "a.log.1").read_bytes() == b"0123456789x"
    keep_short(tmp_path / "none.log", 10)


def test_what_native_code_prints_for_long_stays_bounded(tmp_path: Path) -> None:
    script = f"""
import os, time
from functools import partial
from pathlib import Path
from millstream.watch import native_log
from millstream.watch.log_file import keep_short

native_log.LOOK_EVERY_S = 0.01
native_log.keep_short = partial(keep_short, most_bytes=1000)
with native_log.native_log(Path({str(tmp_path / "native.log")!r})):
    while not Path({str(tmp_path / "native.log.1")!r}).exists():
        os.write(2, b"x" * 100)
    time.sleep(0.1)
    os.write(2, b"the last")
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    texts = [(tmp_path / name).read_bytes() for name in ("native.log", "native.log.1")]
    assert any(text.endswith(b"the last") for text in texts)
    assert len(texts[0]) < 1100
