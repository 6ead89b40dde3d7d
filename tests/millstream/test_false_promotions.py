"""How often a round is promoted by luck, over 500 rounds whose rungs and gate see score vectors.

Champion and candidate are as good as each other: what both know, and noise of each one's own. The
rungs are the candidate with a little more noise; the smallest that passes goes to the gate, as in
a round. A planted regression and a planted improvement go the same way.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata

import trainer
from millstream.config.compress import CompressConfig
from millstream.rungs.choice import choose_rung
from millstream.rungs.file import evidence_of
from millstream.rungs.measured import FLOAT32, Measured
from registry import Artifact, Examples
from registry.measure import Cost
from trainer import PairedTest, ScoreGate

SEEDS = 500
LEVEL = 0.05
SLACK = 0.029  # three standard errors of a share of 500
ROWS = 300
RUNGS = ("int8", "static_int8", "int4", "float16")
Spreads = tuple[float, float]  # of the candidate's own noise, and of the champion's
EQUAL, WORSE, MUCH_WORSE = (0.4, 0.4), (0.7, 0.4), (3.0, 0.1)
TASKS = {"auc": "binary", "accuracy": "binary", "log_loss": "binary", "mae": "regression"}


def draw(metric: str, seed: int, spreads: Spreads) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and what candidate and champion say: what both know, with noise of each one's own."""
    rng = np.random.default_rng(seed)
    if TASKS[metric] == "regression":
        labels = rng.normal(size=ROWS)
        known = labels + 0.5 * rng.normal(size=ROWS)
        said = [known + spread * rng.normal(size=ROWS) for spread in spreads]
    else:
        labels = rng.integers(0, 2, ROWS)
        known = 1.2 * (2 * labels - 1) + rng.normal(size=ROWS)
        said = [1 / (1 + np.exp(-known - spread * rng.normal(size=ROWS))) for spread in spreads]
    candidate, champion = (one.astype(np.float32) for one in said)
    return labels, candidate, champion


def value(metric: str, labels: np.ndarray, output: np.ndarray) -> float:
    """The metric, as `trainer.score` gives it, without the others: it is asked for often."""
    if metric == "mae":
        return float(np.abs(labels - output).mean())
    if metric == "accuracy":
        return float(((output > 0.5) == labels).mean())
    if metric == "log_loss":
        return float(-np.log(np.where(labels == 1, output, 1 - output)).mean())
    ranks, ones = rankdata(output)[labels == 1], int(labels.sum())
    return float((ranks.sum() - ones * (ones + 1) / 2) / (ones * (len(labels) - ones)))


def measure(metric: str, labels: np.ndarray, output: np.ndarray, seed: int) -> dict[str, Measured]:
    """The candidate's rungs, each with a little noise, as the ladder leaves them."""
    rng = np.random.default_rng([seed, 1])
    found = {}
    for place, name in enumerate((FLOAT32, *RUNGS)):
        noise = 0 if name == FLOAT32 else 0.002 * rng.normal(size=len(output))
        made = output + noise
        made = made if TASKS[metric] == "regression" else np.clip(made, 0.001, 0.999)
        made = made.astype(np.float32)
        size = 1000 - 100 * place
        found[name] = Measured(
            Artifact(name, b"x" * size),
            b"",
            made,
            {metric: value(metric, labels, made)},
            float(np.abs(made - output).max()),
            Cost(size, size),
        )
    return found


def promoted(metric: str, seed: int, spreads: Spreads, margin: float = 0.0) -> bool:
    """Whether a round's candidate is promoted; without a margin, as superior."""
    task, test = TASKS[metric], PairedTest(margin=margin, resamples=200)
    gate = ScoreGate(metric, max_loss=0.02, compare="paired", min_rows=100, test=test)
    labels, candidate, champion = draw(metric, seed, spreads)
    measured = measure(metric, labels, candidate, seed)
    alone = evidence_of(task, Examples({}, labels), measured[FLOAT32])
    beaten = {metric: value(metric, labels, champion)}

    def evidence(one: Measured) -> trainer.Evidence:
        seen = alone(one)
        return replace(seen, champion=beaten, answers=seen.answers.against(champion))

    choice = choose_rung(CompressConfig(rungs=RUNGS, max_loss=0.02), gate, measured, evidence)
    return gate.decide(evidence(choice.chosen)).promote


def true_loss(metric: str, spreads: Spreads) -> float:
    """By how much the candidate is worse: over the rows of all rounds together."""
    every = [draw(metric, seed, spreads) for seed in range(SEEDS)]
    labels, *outputs = (np.concatenate(parts) for parts in zip(*every, strict=True))
    ours, theirs = (value(metric, labels, output) for output in outputs)
    return float(theirs - ours if trainer.higher_is_better(metric) else ours - theirs)


@pytest.mark.parametrize("metric", TASKS)
def test_values_are_those_of_the_trainer(metric: str) -> None:
    labels, output, _ = draw(metric, 0, EQUAL)
    known = trainer.score(TASKS[metric], labels, output)[metric]
    assert value(metric, labels, output) == pytest.approx(known, rel=1e-5)


@pytest.mark.parametrize("metric", TASKS)
def test_without_a_difference_few_are_promoted_as_superior(metric: str) -> None:
    share = np.mean([promoted(metric, seed, EQUAL) for seed in range(SEEDS)])
    assert 0 < share <= LEVEL, share


@pytest.mark.parametrize("metric", TASKS)
def test_at_the_margin_few_are_promoted_as_not_inferior(metric: str) -> None:
    """The candidate is worse by just the margin."""
    margin = true_loss(metric, WORSE)
    share = np.mean([promoted(metric, seed, WORSE, margin) for seed in range(SEEDS)])
    assert margin > 0
    assert 0 < share <= LEVEL + SLACK, share


@pytest.mark.parametrize("metric", TASKS)
def test_a_planted_regression_is_refused_and_an_improvement_promoted(metric: str) -> None:
    assert not any(promoted(metric, seed, MUCH_WORSE, 0.01) for seed in range(40))
    assert all(promoted(metric, seed, MUCH_WORSE[::-1]) for seed in range(40))
