"""Pairs of models whose true difference is known, for the tests of tests."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from trainer import Answers


def accuracies(rng: np.random.Generator, rows: int, gain: float) -> tuple[Answers, float]:
    """The champion is right in 80 % of the rows, and they differ in 10 % and what `gain` adds."""
    alone = rng.random(rows)
    ours, theirs = 0.05 + max(gain, 0.0), 0.05 + max(-gain, 0.0)
    labels = rng.integers(0, 2, rows)
    both = rng.random(rows) < 0.8
    ours_right = np.where(alone < ours, True, np.where(alone < ours + theirs, False, both))
    theirs_right = np.where(alone < ours, False, np.where(alone < ours + theirs, True, both))
    made = [np.where(right, labels, 1 - labels) * 0.6 + 0.2 for right in (ours_right, theirs_right)]
    return Answers("binary", labels, *made), gain


def rankings(rng: np.random.Generator, rows: int, gain: float) -> tuple[Answers, float]:
    """Normal scores whose classes lie so far apart that the champion's AUC is 0.8."""
    labels = (rng.random(rows) < 0.3).astype(np.int64)
    shared = rng.normal(size=rows)
    made = []
    for auc in (0.8 + gain, 0.8):
        apart = norm.ppf(auc) * np.sqrt(2)
        score = apart * labels + np.sqrt(0.8) * shared + np.sqrt(0.2) * rng.normal(size=rows)
        made.append(norm.cdf(score / 3))
    return Answers("binary", labels, *made), gain


def chances(rng: np.random.Generator, rows: int, shift: float) -> tuple[Answers, float]:
    """The champion knows each row's chance, and the candidate is off by `shift` logits; or they
    change places if it is negative."""
    truth = rng.choice([0.2, 0.5, 0.9], rows)
    labels = (rng.random(rows) < truth).astype(np.int64)
    off = 1 / (1 + np.exp(-np.log(truth / (1 - truth)) - rng.choice([-1, 1], rows) * abs(shift)))
    gain = 0.0
    for q in (0.2, 0.5, 0.9):
        for sign in (-1, 1):
            p = 1 / (1 + np.exp(-np.log(q / (1 - q)) - sign * shift))
            gain -= (q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))) / 6
    if shift < 0:
        return Answers("binary", labels, truth, off), -gain
    return Answers("binary", labels, off, truth), gain


def errors(rng: np.random.Generator, rows: int, gain: float, metric: str) -> tuple[Answers, float]:
    """Normal errors, the champion's of spread 1 around labels of spread 2."""
    labels = 2 * rng.normal(size=rows)
    spread = 1 - gain
    shared = rng.normal(size=rows)
    noise = [np.sqrt(0.7) * shared + np.sqrt(0.3) * rng.normal(size=rows) for _ in range(2)]
    true = {
        "rmse": 1 - spread,
        "mae": np.sqrt(2 / np.pi) * (1 - spread),
        "r2": (1 - spread**2) / 4,
    }
    return Answers("regression", labels, labels + spread * noise[0], labels + noise[1]), true[
        metric
    ]


def make_pair(
    metric: str, rng: np.random.Generator, rows: int, *, better: bool
) -> tuple[Answers, float]:
    """Answers of two models, and how much the candidate truly gains; a little more or less."""
    sign = 1 if better else -1
    if metric == "accuracy":
        return accuracies(rng, rows, sign * 0.03)
    if metric == "auc":
        return rankings(rng, rows, sign * 0.02)
    if metric == "log_loss":
        return chances(rng, rows, -sign * 0.4)
    return errors(rng, rows, sign * 0.05, metric)
