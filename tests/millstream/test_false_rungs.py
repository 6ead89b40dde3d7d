"""How often a rung ships that loses the margin, over 300 ladders whose rungs see score vectors.

Every rung is worse than float32 by just the margin, with errors of its own. One by one, each would
be accepted in one of twenty ladders; of twelve, some rung would be in nearly every second one. Each
may be mended twice, too, by forms that answer mostly as it does and lose the margin all the same.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import trainer
from millstream.config.compress import CompressConfig
from millstream.rungs.choice import RungChoice, RungJudge, choose_rung
from millstream.rungs.file import evidence_of
from millstream.rungs.measured import FLOAT32, Measured
from millstream.rungs.reverting import least_mended
from registry import Artifact, Examples
from registry.compress import RUNGS
from registry.measure import Cost

SEEDS, ROWS, REVERTS = 300, 1000, 2
LEVEL, MARGIN, WRONG = 0.05, 0.01, 0.05
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


def measure(name: str, metric: str, output: np.ndarray, size: int) -> Measured:
    score = np.abs(output).mean() if metric == "mae" else 1 - output.mean()
    return Measured(
        Artifact(name, b"x" * size),
        b"",
        output.astype(np.float32),
        {metric: float(score)},
        0.0,
        Cost(size, size),
    )


def climb(metric: str, seed: int, harmless: int = 0) -> RungChoice:
    """A ladder whose first rungs lose hardly anything, and all others the margin."""
    measured, forms = {}, {}
    base = known(metric, np.random.default_rng(seed))
    for place, name in enumerate((FLOAT32, *NAMES)):
        loss = 1e-6 if place <= harmless else MARGIN
        rng = np.random.default_rng([seed, place])
        output = spoiled(metric, base, rng, loss) if place else base
        measured[name] = measure(name, metric, output, 1000 - 10 * place)
        forms[name] = []
        for _ in range(REVERTS):  # each answers another tenth of the rows anew
            other = rng.random(ROWS) < 0.1
            output = np.where(other, spoiled(metric, base, rng, loss), output)
            form = measure(name, metric, output, 1001 - 10 * place)
            forms[name].append(replace(form, kept=("op",)))
    gate = trainer.ScoreGate(metric, max_loss=1.0, compare="paired", min_rows=1)
    section = CompressConfig(
        rungs=NAMES, max_loss=1.0, margin=MARGIN, fine_tune_epochs=1, reverts=REVERTS
    )
    evidence = evidence_of(TASKS[metric], Examples({}, np.zeros(ROWS)), measured[FLOAT32])
    judge = RungJudge(section, gate, evidence)
    for name in judge.refused(measured):
        best = least_mended(
            forms[name], lambda one, name=name: name not in judge.refused(measured | {name: one})
        )
        measured[name] = best or measured[name]
    return choose_rung(section, gate, measured, evidence)


@pytest.mark.parametrize("metric", TASKS)
def test_of_many_rungs_that_lose_the_margin_few_ship(metric: str) -> None:
    choices = [climb(metric, seed) for seed in range(SEEDS)]
    alone = np.mean(
        [any(c.proven for n, c in one.comparisons.items() if n != FLOAT32) for one in choices]
    )
    shipped = np.mean([one.chosen.artifact.rung != FLOAT32 for one in choices])
    print(f"{metric}: alone {alone:.3f}, shipped {shipped:.3f}")
    assert alone > 5 * LEVEL, alone
    assert shipped <= LEVEL, shipped


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
            assert "as one of 24 tries p below 0.0021" in told[0]
            return
    raise AssertionError("no rung looked good by luck")
