"""The smallest of numbers that lie with several workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.distributed.workers import Workers, gather_arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["smallest"]


def smallest(
    bits: NDArray[np.uint64], count: int, workers: Workers | None = None
) -> NDArray[np.intp]:
    """Places of this worker's numbers that are among the `count` smallest of all, ascending ones.

    Of equal numbers those of lower ranks come first, and of one worker's, the earlier ones.
    """
    told = [{"bits": bits}] if workers is None else gather_arrays(workers, {"bits": bits})
    first = sum(len(each["bits"]) for each in told[: workers.rank if workers else 0])
    everyone = np.concatenate([each["bits"] for each in told])
    chosen = np.argsort(everyone, kind="stable")[:count]
    return chosen[(first <= chosen) & (chosen < first + len(bits))] - first
