"""River's model beside the learner: a restart at any round leaves no trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ingest import Rows
from millstream.errors import RoundStoreError
from millstream.pipeline import make_schema
from millstream.prequential.river import RIVER_FILE, RiverBeside
from millstream.rounds.folder import RoundFolder

from .test_prequential import make_config

CONFIG = make_config(river="hoeffding_tree", river_rows=150)
SCHEMA = make_schema(CONFIG)


def make_rows(seed: int, count: int = 200) -> Rows:
    random = np.random.default_rng(seed)
    a = random.normal(size=count).astype(np.float32)
    kind = random.integers(0, 2, count, np.int32)
    return Rows(
        ("t",),
        np.zeros(count, np.int32),
        random.integers(0, 3, count, np.int32),
        np.arange(count) + seed * count,
        random.integers(0, 50, count),
        {"a": a, "kind": kind, "y": a + kind > 0.5},
    )


def begin(place: Path, number: int, told: dict | None = None) -> RoundFolder:
    folder = RoundFolder(place / f"{number:06d}")
    folder.path.mkdir(parents=True, exist_ok=True)
    if told is not None:
        folder.write_report({"prequential": {"river_model": told}})
    return folder


def run_rounds(place: Path, rounds: int, *, restarts: bool) -> tuple[list[np.ndarray], dict]:
    beside, found, told = RiverBeside(CONFIG, SCHEMA), [], {}
    begin(place, 0, {})
    for number in range(1, rounds + 1):
        if restarts:
            beside = RiverBeside(CONFIG, SCHEMA)
        standing = beside.after(RoundFolder(place / f"{number - 1:06d}"))
        output = beside.predict(standing, make_rows(100 + number), SCHEMA, 2)
        assert output is not None
        found.append(output)
        folder = begin(place, number)
        told = beside.learn(standing, make_rows(number), SCHEMA, folder)
        begin(place, number, told)
    return found, told


def test_a_restart_leaves_no_trace(tmp_path: Path) -> None:
    whole, told = run_rounds(tmp_path / "whole", 4, restarts=False)
    broken, again = run_rounds(tmp_path / "broken", 4, restarts=True)
    np.testing.assert_array_equal(np.stack(whole), np.stack(broken))
    # River's Gaussians hold a generator each that they never draw from: other bytes, same model.
    assert told.pop("sha256") != again.pop("sha256")
    assert told == again
    assert (told["since"], told["rows"]) == (1, 600)
    assert told["model"].startswith("hoeffding_tree of river 0.")
    assert len(np.unique(whole[-1])) > 2


def test_a_changed_or_missing_file_is_refused(tmp_path: Path) -> None:
    run_rounds(tmp_path, 1, restarts=False)
    path, parent = tmp_path / "000001" / RIVER_FILE, RoundFolder(tmp_path / "000001")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    with pytest.raises(RoundStoreError, match=r"river\.pickle: expected SHA-256 \w+, as report"):
        RiverBeside(CONFIG, SCHEMA).after(parent)
    path.unlink()
    with pytest.raises(RoundStoreError, match=r"river\.pickle: expected the state of river's"):
        RiverBeside(CONFIG, SCHEMA).after(parent)


def test_another_model_begins_anew(tmp_path: Path) -> None:
    run_rounds(tmp_path, 2, restarts=False)
    other = RiverBeside(make_config(river="logistic_regression"), SCHEMA)
    standing = other.after(RoundFolder(tmp_path / "000002"))
    assert (standing.since, standing.rows) == (3, 0)


def test_a_model_of_the_users_own_lives_in_the_process(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from river import compose, naive_bayes\n\n\n"
        "def build():\n    return compose.SelectType(float) | naive_bayes.GaussianNB()\n"
    )
    config = make_config(river="own:build").model_copy(update={"directory": tmp_path})
    beside = RiverBeside(config, SCHEMA)
    standing = beside.after(begin(tmp_path, 0, {}))
    told = beside.learn(standing, make_rows(1), SCHEMA, begin(tmp_path, 1))
    assert (told["since"], told["rows"]) == (1, 200)
    assert not {"sha256", "failed"} & set(told)
    first = begin(tmp_path, 1, told)
    assert beside.after(first).rows == 200
    restarted = RiverBeside(config, SCHEMA).after(first)
    assert (restarted.since, restarted.rows) == (2, 0)
    assert not (first.path / RIVER_FILE).exists()
