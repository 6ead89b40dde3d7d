"""Intervals of scores: they hold the truth about as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from trainer import METRICS, score
from trainer.paired.answers import Answers
from trainer.paired.interval import score_intervals


def draw(task: str, rows: int, seed: int) -> Answers:
    random = np.random.default_rng(seed)
    if task == "regression":
        labels = random.normal(size=rows)
        return Answers(task, labels, labels + random.normal(size=rows))
    hidden = random.normal(size=rows)
    labels = (random.random(rows) < 1 / (1 + np.exp(-hidden))).astype(np.int64)
    chance = 1 / (1 + np.exp(-hidden))
    both = np.column_stack([1 - chance, chance])
    return Answers(task, labels, chance if task == "binary" else both)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_each_score_lies_in_its_interval(task: str) -> None:
    answers = draw(task, 500, 1)
    scores = score(task, answers.labels, answers.candidate)
    bounds = score_intervals(answers, METRICS[task], seed=3)
    assert bounds.keys() == scores.keys()
    for metric, (low, high) in bounds.items():
        assert low < scores[metric] < high
    assert score_intervals(answers, METRICS[task], seed=3) == bounds
    assert score_intervals(answers, METRICS[task], seed=4) != bounds


@pytest.mark.parametrize(("task", "metric"), [("binary", "auc"), ("regression", "rmse")])
def test_they_cover_the_truth(task: str, metric: str) -> None:
    many = draw(task, 200_000, 0)
    truth = score(task, many.labels, many.candidate)[metric]
    held = 0
    for seed in range(200):
        found = score_intervals(draw(task, 300, 1 + seed), (metric,), resamples=300, seed=seed)
        low, high = found[metric]
        held += low <= truth <= high
    assert 0.90 <= held / 200 <= 0.99


def test_more_rows_make_them_narrower() -> None:
    widths = []
    for rows in (200, 3200):
        low, high = score_intervals(draw("binary", rows, 2), ("accuracy",), seed=1)["accuracy"]
        widths.append(high - low)
    assert 2.5 < widths[0] / widths[1] < 6  # the root of 16 is 4


def test_rows_that_weigh_nothing_do_not_count() -> None:
    answers = draw("regression", 400, 5)
    halved = Answers(
        "regression",
        answers.labels,
        np.where(np.arange(400) < 200, answers.candidate, 1e6),
        weights=(np.arange(400) < 200).astype(float),
    )
    first = answers.take(np.arange(200))
    kept = score_intervals(halved, ("mae",), seed=1)
    assert kept == score_intervals(first, ("mae",), seed=1)


def test_what_cannot_be_told_is_left_out() -> None:
    one_class = Answers("binary", np.ones(50, np.int64), np.full(50, 0.7))
    assert score_intervals(one_class, METRICS["binary"], seed=1).keys() == {"accuracy", "log_loss"}
    none = Answers("binary", np.ones(0, np.int64), np.ones(0))
    assert score_intervals(none, METRICS["binary"], seed=1) == {}
