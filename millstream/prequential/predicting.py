"""Predictions that do not depend on which worker has the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ingest import Rows
from millstream.config.config import Config

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["predict_alike"]


def predict_alike(
    config: Config, rows: Rows, predict: Callable[[Rows], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """What is predicted for rows, float32[n] or [n, c].

    A row beside others may differ in its last bits. Where the bits must not depend on the number of
    workers, the rows of each partition are predicted by themselves.

    Args:
        config: says whether they must not.
        rows: of this worker.
        predict: for some of them.
    """
    if config.train.determinism != "bitwise" or len(rows) == 0:
        return predict(rows)
    _, share = np.unique(np.stack([rows.topic, rows.partition]), axis=1, return_inverse=True)
    share = share.reshape(-1)
    places = [np.flatnonzero(share == number) for number in range(share.max() + 1)]
    outputs = [predict(rows.take(at)) for at in places]
    found: NDArray[np.float32] = np.concatenate(outputs)[np.argsort(np.concatenate(places))]
    return found
