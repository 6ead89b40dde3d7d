"""The rung that ships is the best by the objective among those that lose nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import trainer
from millstream.config.compress import CompressConfig
from millstream.rungs.choice import choose_rung
from millstream.rungs.measured import FLOAT32, Measured
from millstream.rungs.pareto import pareto_front
from millstream.rungs.report import cost_tags, kept_of, tell_rungs
from registry import Artifact
from registry.measure import Cost

ROWS = 2_000
RANDOM = np.random.default_rng(7)
LABELS = (RANDOM.random(ROWS) < 0.5).astype(np.int64)
GOOD = np.clip(0.5 + (LABELS - 0.5) * 0.6 + RANDOM.normal(0, 0.25, ROWS), 0.01, 0.99)
NOISE = RANDOM.normal(0, 1, ROWS)


def rung(name: str, size: int, ms: float | None, noise: float = 0.0) -> Measured:
    """A rung whose predictions are float32's but for some noise."""
    output = np.clip(GOOD + noise * NOISE, 0.0, 1.0).astype(np.float32)
    latency = {} if ms is None else {1: ms, 32: 20 * ms}
    cost = Cost(2 * size, size, latency, 1000)
    scores = trainer.score("binary", LABELS, output)
    difference = float(np.abs(output - GOOD).max())
    return Measured(Artifact(name, b"x" * size), b"", output, scores, difference, cost)


def choose(section: CompressConfig, *rungs: Measured):
    measured = {one.artifact.rung: one for one in rungs}
    gate = trainer.ScoreGate("auc", section.max_loss, max_output_difference=None, min_rows=10)
    float32 = measured[FLOAT32]

    def evidence(one: Measured) -> trainer.Evidence:
        answers = trainer.Answers("binary", LABELS, one.output, float32=float32.output)
        return trainer.Evidence(
            one.scores, float32.scores, None, one.difference, ROWS, answers=answers
        )

    return choose_rung(section, gate, measured, evidence)


REFERENCE = rung(FLOAT32, 1000, 0.10)
SMALL = rung("int8", 260, 0.09)
QUICK = rung("static_int8", 300, 0.02)
MIDDLE = rung("int4", 270, 0.05)
WORSE = rung("pruned_int8", 100, 0.01, noise=0.5)
ALL = (REFERENCE, SMALL, QUICK, MIDDLE, WORSE)
NAMES = ("int8", "static_int8", "int4", "pruned_int8")


@pytest.mark.parametrize(
    ("objective", "name"),
    [("smallest", "int8"), ("fastest", "static_int8"), ("balanced", "static_int8")],
)
def test_the_objective_decides_among_those_that_pass(objective: str, name: str) -> None:
    choice = choose(CompressConfig(rungs=NAMES, objective=objective), *ALL)
    assert choice.chosen.artifact.rung == name
    assert list(choice.refused) == ["pruned_int8"]
    assert "worse than float32" in choice.refused["pruned_int8"]


def test_a_rung_that_is_not_configured_is_not_chosen() -> None:
    choice = choose(CompressConfig(rungs=("int4",)), *ALL)
    assert choice.chosen is MIDDLE


def test_float32_ships_where_no_other_passes() -> None:
    choice = choose(CompressConfig(rungs=NAMES), REFERENCE, WORSE)
    assert choice.chosen is REFERENCE
    entries = tell_rungs({FLOAT32: REFERENCE, "pruned_int8": WORSE}, choice, {"int4": "odd"}, {})
    told = {entry["rung"]: entry for entry in entries}
    assert told[FLOAT32]["chosen"]
    assert not told["pruned_int8"]["chosen"]
    assert told["pruned_int8"]["against_float32"]["gain"] < -0.005
    assert told["int4"] == {"rung": "int4", "skipped": "odd"}


def test_with_a_margin_a_rung_must_be_shown_to_lose_nothing() -> None:
    blurred = rung("int8", 260, 0.09, noise=0.1)
    loss = REFERENCE.scores["auc"] - blurred.scores["auc"]
    assert 0 < loss < 0.02
    loose = CompressConfig(rungs=("int8",), max_loss=0.05)
    assert choose(loose, REFERENCE, blurred).chosen is blurred
    strict = CompressConfig(rungs=("int8",), max_loss=0.05, margin=loss)
    refused = choose(strict, REFERENCE, blurred)
    assert refused.chosen is REFERENCE
    assert "with confidence 0.95" in refused.refused["int8"]
    wide = CompressConfig(rungs=("int8",), max_loss=0.05, margin=0.05)
    assert choose(wide, REFERENCE, blurred).chosen is blurred


def test_a_rung_without_a_time_is_never_the_fastest() -> None:
    untimed = rung("int8", 10, None)
    section = CompressConfig(rungs=("int8", "int4"), objective="fastest")
    assert choose(section, REFERENCE, untimed, MIDDLE).chosen is MIDDLE
    assert "millstream.latency_ms" not in cost_tags(untimed)
    assert cost_tags(MIDDLE)["millstream.latency_ms"] == "0.05"


@pytest.mark.parametrize("dtype", ["float", "int8"])
def test_what_a_version_keeps_in_larger_numbers_is_in_its_tags(dtype: str) -> None:
    tags = cost_tags(replace(MIDDLE, kept=("a/b#3", "c"), kept_as=dtype))
    assert json.loads(tags[f"millstream.kept_{dtype}"]) == ["a/b#3", "c"]
    assert kept_of(tags) == ("a/b#3", "c")
    assert kept_of(cost_tags(MIDDLE)) == ()


def test_points_that_nothing_beats() -> None:
    points = [(1.0, 0.5), (2.0, 0.9), (2.0, 0.8), (3.0, 0.9), (1.0, 0.5)]
    assert pareto_front(points) == [0, 1, 4]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"rungs": ("relu_int8",)}, "fine_tune_epochs"),
        ({"objective": "fastest", "timed_calls": 0}, "timed_calls"),
        ({"rungs": ("int5",)}, "relu_int8"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        CompressConfig(**settings)


def test_float32_ships_where_what_passes_is_slower() -> None:
    slower = rung("int8", 260, 0.15)
    for objective, chosen in (("fastest", REFERENCE), ("balanced", slower), ("smallest", slower)):
        section = CompressConfig(rungs=("int8",), objective=objective)
        assert choose(section, REFERENCE, slower).chosen is chosen
