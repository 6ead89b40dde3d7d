"""How often the paired tests are wrong, on pairs of models whose true difference is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from known_pairs import make_pair

from trainer import Answers, PairedTest

PAIRS = 400
ALPHA, SLACK = 0.05, 0.033  # three standard errors of a share of 400
EXACT = ("auc", "accuracy", "log_loss", "rmse", "mae", "r2")
RESAMPLED = ("auc", "accuracy", "log_loss")
Change = Callable[[Answers, np.random.Generator], Answers]


def share_proven(
    metric: str,
    settings: PairedTest,
    rows: int,
    *,
    below: float = 0.0,
    better: bool = False,
    pairs: int = PAIRS,
    change: Change = lambda answers, rng: answers,
) -> float:
    """The share of pairs that are shown to gain more than their true gain less `below`."""
    rng = np.random.default_rng(7)
    found = []
    for seed in range(pairs):
        answers, gain = make_pair(metric, rng, rows, better=better)
        comparison = settings.compare(change(answers, rng), metric, gain - below, seed)
        assert comparison is not None
        found.append(comparison.proven)
    return float(np.mean(found))


def weighed(answers: Answers, rng: np.random.Generator) -> Answers:
    """With weights that say nothing of labels or predictions, so the true gain stays."""
    return replace(answers, weights=rng.choice([0.5, 1.0, 3.0], len(answers.labels)))


@pytest.mark.parametrize("metric", EXACT)
@pytest.mark.parametrize("better", [False, True], ids=["worse", "better"])
def test_at_the_boundary_few_pass(metric: str, better: bool) -> None:
    share = share_proven(metric, PairedTest(resamples=200), 200, better=better)
    assert share <= ALPHA + SLACK, share


@pytest.mark.parametrize("metric", EXACT)
def test_at_the_boundary_few_pass_of_rows_with_weights(metric: str) -> None:
    share = share_proven(metric, PairedTest(resamples=200), 200, change=weighed)
    assert share <= ALPHA + SLACK, share


@pytest.mark.parametrize("metric", RESAMPLED)
def test_at_the_boundary_few_pass_the_bootstrap(metric: str) -> None:
    share = share_proven(metric, PairedTest(test="bootstrap", resamples=200), 100)
    assert share <= ALPHA + SLACK, share


@pytest.mark.parametrize(("better", "below"), [(True, 0.0), (False, 0.03)])
def test_where_few_rows_differ_the_counts_keep_their_level(better: bool, below: float) -> None:
    """Accuracies of 60 rows, at the gain and at zero: the score test, and the exact binomial."""
    rng, exact = np.random.default_rng(3), PairedTest()
    passed = 0
    for _ in range(PAIRS):
        answers, gain = make_pair("accuracy", rng, 60, better=better)
        threshold = gain if below == 0 else 0.0
        comparison = exact.compare(answers, "accuracy", threshold, 0)
        assert comparison is not None
        passed += comparison.proven
    assert passed / PAIRS <= ALPHA + SLACK


@pytest.mark.parametrize("test", ["auto", "bootstrap"])
@pytest.mark.parametrize("loses", [0.01, 0.015])
def test_few_rows_that_differ_prove_little_however_rows_weigh(test: str, loses: float) -> None:
    """The candidate alone is wrong in hardly a row, and loses just what it may not lose."""
    rng, passed = np.random.default_rng(4), 0
    settings = PairedTest(test=test, resamples=200)
    for seed in range(PAIRS):
        alone, labels = rng.random(200), rng.integers(0, 2, 200)
        made = [
            np.where(right, labels, 1 - labels) * 0.8 + 0.1
            for right in (alone >= loses, alone < 1 - (loses - 0.01))
        ]
        answers = weighed(Answers("binary", labels, *made), rng)
        comparison = settings.compare(answers, "accuracy", -0.01, seed)
        assert comparison is not None
        passed += comparison.proven
    assert passed / PAIRS <= ALPHA + SLACK, passed / PAIRS


@pytest.mark.parametrize(
    ("metric", "below"),
    [
        ("auc", 0.06),
        ("accuracy", 0.10),
        ("log_loss", 0.10),
        ("rmse", 0.12),
        ("mae", 0.12),
        ("r2", 0.06),
    ],
)
@pytest.mark.parametrize("test", ["auto", "bootstrap"])
def test_real_gains_are_seen(metric: str, below: float, test: str) -> None:
    settings = PairedTest(test=test, resamples=200)
    share = share_proven(metric, settings, 400, below=below, better=True, pairs=50)
    assert share >= 0.8, share


def test_more_confidence_lets_fewer_pass() -> None:
    loose, strict = (
        share_proven("log_loss", PairedTest(confidence=confidence), 200)
        for confidence in (0.8, 0.99)
    )
    assert 0.12 <= loose <= 0.28
    assert strict <= 0.03
