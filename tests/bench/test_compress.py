"""The benchmark of compression tells what the ladder measured; its long run is for `make`."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import bench.compress.__main__ as bench
from bench.compress.climbing import OBJECTIVES, Climbed, climb, make_section
from bench.compress.family_table import DEFAULT
from bench.compress.loading import by_turns, words
from bench.compress.models import MODELS, Trained
from bench.compress.rung_table import never_worse, ratio, table, totals
from registry import Examples
from registry.measure import Cost

pytestmark = pytest.mark.long

ROWS = 300


def rows(seed: int) -> Examples:
    x = np.random.default_rng(seed).normal(size=(ROWS, 16)).astype(np.float32)
    return Examples({"x": x}, (x[:, 0] > 0).astype(np.float32))


@pytest.fixture(scope="module")
def climbed() -> Climbed:
    """A small model that is called like the CNN, up two rungs."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(7)
    entry = keras.Input((16,), name="x")
    hidden = layers.Dense(48, activation="relu")(entry)
    model = keras.Model({"x": entry}, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy")
    trained = Trained("digits", model, rows(1), rows(2), rows(3), "auc")
    return climb(trained, make_section(("float16", "int8", "static_int8"), timed_calls=5))


def test_what_is_chosen_is_compared_with_float32_and_the_default(climbed: Climbed) -> None:
    assert list(climbed.measured) == ["float32", "float16", "int8", "static_int8", DEFAULT]
    assert not climbed.skipped
    assert climbed.chosen("smallest").artifact.rung != DEFAULT
    assert set(climbed.fresh) == {"float32", DEFAULT} | {
        climbed.chosen(objective).artifact.rung for objective in OBJECTIVES
    }
    assert {found.rows for found in climbed.fresh.values()} == {ROWS}
    lines = "\n".join(table(climbed))
    assert all(f"\n| {name} " in lines for name in climbed.measured)
    assert lines.count("smallest") == 1
    assert f"on 300 fresh rows {DEFAULT} gains" in lines


def test_the_numbers_are_those_of_the_rungs_that_fit(climbed: Climbed) -> None:
    found = totals([climbed])
    smallest, fastest = climbed.chosen("smallest"), climbed.chosen("fastest")
    assert found["bytes_ratio_worst"] == ratio(climbed, smallest, "bytes")
    assert found["gzip_ratio_worst"] == ratio(climbed, smallest, "gzip")
    assert found["latency_ratio_cnn"] == ratio(climbed, fastest, "latency")
    other = replace(climbed, name="other", choices=dict.fromkeys(OBJECTIVES, float32_of(climbed)))
    assert totals([climbed, other])["bytes_ratio_worst"] == 1
    assert totals([other])["gzip_ratio_worst"] == 1
    assert "latency_ratio_cnn" not in totals([other])


def float32_of(climbed: Climbed):
    return replace(climbed.choices["smallest"], chosen=climbed.measured["float32"])


@pytest.mark.parametrize(
    ("size", "ms", "fine"), [(9, 0.9, True), (11, 0.9, True), (9, 1.1, True), (11, 1.1, False)]
)
def test_worse_is_worse_on_both_axes(climbed: Climbed, size: int, ms: float, fine: bool) -> None:
    default = replace(climbed.measured[DEFAULT], cost=Cost(10, 10, {1: 1.0}))
    seen = replace(climbed, measured={**climbed.measured, DEFAULT: default})
    one = replace(climbed.measured["int8"], cost=Cost(size, size, {1: ms}))
    assert never_worse(seen, one) is fine


def test_the_last_line_is_for_machines(climbed: Climbed, capsys, monkeypatch) -> None:
    monkeypatch.setattr(bench, "load", lambda name, folder: None)
    monkeypatch.setattr(bench, "climb", lambda trained, section: climbed)
    bench.main(["--models", "digits", "--without-loading"])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["bench"] == "compress"
    assert {"bytes_ratio_worst", "gzip_ratio_worst", "latency_ratio_cnn"} <= last["results"].keys()
    assert last["results"]["never_worse_than_default"] in (True, False)


def test_no_sequence_is_in_two_parts() -> None:
    _, load, _, _ = MODELS["sequence"]
    parts = [next(iter(part.features.values())) for part in load()]
    seen = [{row.tobytes() for row in part} for part in parts]
    assert len(parts[1]) == len(parts[2]) >= 1000
    assert len(set.union(*seen)) == sum(map(len, seen))


def test_ways_take_turns() -> None:
    called: list[str] = []
    found = by_turns({name: lambda name=name: called.append(name) for name in "ab"})
    assert set(found) == {"a", "b"}
    assert called[:51] == ["a"] * 50 + ["b"]
    assert len(called) == 2000
    assert words("carrier", 3) == ["C00001", "C00002", "C00003"]
