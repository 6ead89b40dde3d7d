"""The nearest neighbours of points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST", "nearest_neighbours"]

MOST = 5_000
"""Points among which neighbours are looked for; of more, as many that are evenly spread."""
SPARE = 16
"""Candidates beyond those that are wanted."""


def nearest_neighbours(points: NDArray[np.float64], count: int) -> NDArray[np.int32]:
    """Places of the nearest other points, int32 [n, min(count, n - 1)]; the nearest come first.

    Of points that are equally near the first ones are taken. They are told apart by exact
    distances to a few candidates, as the matrix products that find these round in another way on
    another number of cores; among more than 16 that are equally near, that may still tell.

    Args:
        points: finite, of the scale of 1, [n, d], n and d at least 1.
        count: of neighbours, at least 1.
    """
    from sklearn.neighbors import NearestNeighbors

    rows = len(points)
    among = np.unique(np.linspace(0, rows - 1, min(rows, MOST)).astype(np.int32))
    wanted = min(count, len(among) - 1)
    search = NearestNeighbors(n_neighbors=min(wanted + 1 + SPARE, len(among)), algorithm="brute")
    found = among[search.fit(points[among]).kneighbors(points, return_distance=False)]
    distances = np.zeros(found.shape)
    for column in points.T:
        distances += (column[found] - column[:, None]) ** 2
    distances[found == np.arange(rows)[:, None]] = np.inf
    order = np.lexsort((found, distances), axis=1)[:, :wanted]
    nearest: NDArray[np.int32] = np.take_along_axis(found, order, axis=1)
    return nearest
