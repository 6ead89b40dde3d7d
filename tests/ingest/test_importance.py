"""Rows are drawn by their scores, and weigh what makes the estimate unbiased."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.errors import SamplerError, SettingsError
from ingest.sampling.importance import select_important
from tests.ingest.samples import make_rows


def test_estimates_are_unbiased_and_better_than_uniform_ones() -> None:
    rows, scores = make_rows(200), np.where(np.arange(200) % 20 == 0, 20.0, 0.1)
    values = scores * (1 + np.arange(200) / 200)
    drawn = [select_important(rows, scores, 40, 1, epoch=epoch) for epoch in range(500)]
    estimates = np.array([(values[places] * weights).sum() for places, weights in drawn])
    assert abs(estimates.mean() - values.sum()) < 4 * estimates.std() / np.sqrt(500)
    even = [select_important(rows, np.ones(200), 40, 1, epoch=epoch) for epoch in range(500)]
    uniform = np.array([(values[places] * weights).sum() for places, weights in even])
    assert abs(uniform.mean() - values.sum()) < 4 * uniform.std() / np.sqrt(500)
    assert estimates.std() < uniform.std() / 5


def test_each_row_counts_once_on_average() -> None:
    rows, scores = make_rows(60), np.arange(60.0)
    found = np.zeros((800, 60))
    for epoch in range(800):
        places, weights = select_important(rows, scores, 20, 1, epoch=epoch)
        found[epoch, places] = weights
    error = found.std(axis=0) / np.sqrt(800)
    assert (np.abs(found.mean(axis=0) - 1) < 4.5 * error).all()


def test_order_changes_nothing_and_draws_repeat() -> None:
    rows, scores = make_rows(100), np.random.default_rng(0).random(100)
    places, weights = select_important(rows, scores, 30, 5, epoch=2)
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(100)
        other, same = select_important(rows.take(order), scores[order], 30, 5, epoch=2)
        back = np.argsort(order[other])
        assert order[other][back].tolist() == places.tolist()
        assert same[back].tolist() == weights.tolist()
    assert select_important(rows, scores, 30, 5, epoch=3)[0].tolist() != places.tolist()


def test_all_rows_and_no_scores() -> None:
    rows = make_rows(10)
    places, weights = select_important(rows, np.zeros(10), 20, 1)
    assert places.tolist() == list(range(10))
    assert weights.tolist() == [1.0] * 10
    assert len(select_important(rows.take(np.arange(0)), np.zeros(0), 20, 1)[0]) == 0


def test_wrong_scores_and_settings_are_refused() -> None:
    rows = make_rows(3)
    for scores in ([1, -1, 0], [1, np.nan, 0], [1, 2]):
        with pytest.raises(SamplerError, match="expected 3 scores that are 0 or more"):
            select_important(rows, np.array(scores, float), 2, 1)
    for capacity, share in ((0, 0.1), (2, 0.0), (2, 1.5)):
        with pytest.raises(SettingsError, match="a capacity of at least 1 and a uniform_share"):
            select_important(rows, np.ones(3), capacity, 1, uniform_share=share)
