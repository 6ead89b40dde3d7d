"""Where in a sequence its mean changed."""

import numpy as np


def change_point(values: np.ndarray) -> int:
    """Return the index from 1 to n - 1 at which a step of the mean explains most of the variance.

    It is the place of maximum likelihood for one step in a sequence of normal values of equal
    variance [Hinkley 1970]; the first of several such places.

    Args:
        values: float64 [n], at least 2.
    """
    before = np.arange(1.0, len(values))
    away = np.cumsum(values - values.mean())[:-1]
    return int(np.argmax(away * away / (before * (len(values) - before)))) + 1
