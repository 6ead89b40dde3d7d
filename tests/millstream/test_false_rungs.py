"""How often a rung ships that loses the margin, over 300 ladders whose rungs see score vectors.

Every rung is worse than float32 by just the margin, with errors of its own. One by one, each would
be accepted in one of twenty ladders; of twelve, some rung would be in nearly every second one.
"""

from __future__ import annotations

import numpy as np
import pytest

import trainer
from millstream.compress_file import evidence_of
from millstream.config_compress import CompressConfig
from millstream.measured import FLOAT32, Measured
from millstream.rung_choice import RungChoice, choose_rung
from registry import Artifact, Examples
from registry.compress import RUNGS
from registry.measure import Cost

SEEDS, ROWS = 300, 1000
LEVEL, MARGIN, WRONG = 0.05, 0.01, 0.05
SLACK = 0.038  # three standard errors of a share of 300
NAMES = tuple(RUNGS)[:12]
TASKS = {"accuracy": "binary", "mae": "regression"}


def known(metric: str, rng: np.random.Generator) -> np.ndarray:
    """What float32 says of labels that are all 0: errors, or a wrong class in one of 20 rows."""
    if metric == "mae":
        return 5 + rng.normal(size=ROWS)
    return (rng.random(ROWS) < WRONG).astype(np.float64)


def spoiled(metric: str, base: np.ndarray, rng: np.random.Generator, loss: float) -> np.ndarray:
    """The same with errors of a rung's own, by which it loses so much on average."""
    if metric == "mae":
        return base + loss + 2 * loss * rng.normal(size=ROWS)
    turned = np.where(base == 1, loss / WRONG, 2 * loss / (1 - WRONG))  # some are right by luck
    return np.where(rng.random(ROWS) < turned, 1 - base, base)


def climb(metric: str, seed: int, harmless: int = 0) -> RungChoice:
    """A ladder whose first rungs lose hardly anything, and all others the margin."""
    measured = {}
    base = known(metric, np.random.default_rng(seed))
    for place, name in enumerate((FLOAT32, *NAMES)):
        loss = 1e-6 if place <= harmless else MARGIN
        rng = np.random.default_rng([seed, place])
        output = spoiled(metric, base, rng, loss) if place else base
        score = np.abs(output).mean() if metric == "mae" else 1 - output.mean()
        size = 1000 - 10 * place
        measured[name] = Measured(
            Artifact(name, b"x" * size),
            b"",
            output.astype(np.float32),
            {metric: float(score)},
            0.0,
            Cost(size, size),
        )
    gate = trainer.ScoreGate(metric, max_loss=1.0, compare="paired", min_rows=1)
    section = CompressConfig(rungs=NAMES, max_loss=1.0, margin=MARGIN, fine_tune_epochs=1)
    evidence = evidence_of(TASKS[metric], Examples({}, np.zeros(ROWS)), measured[FLOAT32])
    return choose_rung(section, gate, measured, evidence)


@pytest.mark.parametrize("metric", TASKS)
def test_of_many_rungs_that_lose_the_margin_few_ship(metric: str) -> None:
    choices = [climb(metric, seed) for seed in range(SEEDS)]
    alone = np.mean(
        [any(c.proven for n, c in one.comparisons.items() if n != FLOAT32) for one in choices]
    )
    shipped = np.mean([one.chosen.artifact.rung != FLOAT32 for one in choices])
    assert alone > 5 * LEVEL, alone
    assert shipped <= LEVEL + SLACK, shipped


@pytest.mark.parametrize("metric", TASKS)
def test_rungs_that_lose_nothing_pass_among_many_that_do(metric: str) -> None:
    for seed in range(20):
        passed = set(NAMES) - set(climb(metric, seed, harmless=4).refused)
        assert set(NAMES[:4]) <= passed


def test_a_rung_that_only_many_tries_refuse_is_told_why() -> None:
    for seed in range(SEEDS):
        choice = climb("accuracy", seed)
        told = [r for n, r in choice.refused.items() if choice.comparisons[n].proven]
        if told:
            assert "as one of 12 rungs p below 0.0042" in told[0]
            return
    raise AssertionError("no rung looked good by luck")
