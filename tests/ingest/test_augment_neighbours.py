"""Neighbours are those that a plain search finds."""

import numpy as np
import pytest

from ingest.augment.tabular import neighbours
from ingest.augment.tabular.neighbours import nearest_neighbours


def plain(points, count):
    squares = ((points[:, None] - points[None]) ** 2).sum(-1)
    np.fill_diagonal(squares, np.inf)
    return np.argsort(squares, axis=1, kind="stable")[:, :count]


@pytest.mark.parametrize(("rows", "places"), [(2, 1), (3, 2), (60, 3), (300, 20)])
def test_neighbours_are_the_nearest_others(rows, places):
    points = np.random.default_rng(0).normal(size=(rows, places))
    found = nearest_neighbours(points, 5)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, plain(points, 5)[:, : rows - 1])


def test_of_equally_near_points_the_first_are_taken_and_no_point_is_its_own():
    grid = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), -1).reshape(-1, 2)
    np.testing.assert_array_equal(nearest_neighbours(grid, 4), plain(grid, 4))
    same = np.zeros((9, 2))
    np.testing.assert_array_equal(nearest_neighbours(same, 3), plain(same, 3))


def test_of_many_points_some_that_are_spread_may_be_near(monkeypatch):
    monkeypatch.setattr(neighbours, "MOST", 50)
    points = np.random.default_rng(0).normal(size=(500, 2))
    found = nearest_neighbours(points, 5)
    among = np.unique(found)
    assert len(among) <= 50
    assert among.max() - among.min() > 450
    assert (found != np.arange(500)[:, None]).all()
    kept = np.rint(np.linspace(0, 499, 50)).astype(int)
    distances = np.linalg.norm(points[found[:, 0]] - points, axis=1)
    assert np.median(distances) < np.median(np.linalg.norm(points[kept[1]] - points, axis=1)) / 3
