"""Which rows of a history are its sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Members"]


@dataclass(frozen=True, eq=False)
class Members:
    """Which of the rows of interest are the sample.

    Attributes:
        places: intp[k], into the kept rows of all parts, one part after another.
        limits: float64[k], as `Places` has them.
        total: rows of the sample, with those of other workers.
    """

    places: NDArray[np.intp]
    limits: NDArray[np.float64]
    total: int
