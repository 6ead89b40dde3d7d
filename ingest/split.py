"""Which side of the holdout a record is on, for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ingest.identity import hash64, unit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["TEST", "TRAIN", "VALIDATION", "split"]

TRAIN, VALIDATION, TEST = 0, 1, 2


def split(
    seed: int,
    topics: Sequence[str],
    topic_index: ArrayLike,
    partition: ArrayLike,
    offset: ArrayLike,
    holdout: float,
) -> NDArray[np.int8]:
    """The side of each record, by its identity alone.

    Half of the holdout is for validation, which early stopping looks at; the other half is for
    tests, which only the gate and the test-then-train scores look at.

    Args:
        seed: of the split.
        topics: names.
        topic_index: int[n] or one for all, into `topics`.
        partition: int[n] or one for all.
        offset: int64[n].
        holdout: share of the records that is held out, from 0 to 1.

    Returns:
        int8[n] of TRAIN, VALIDATION and TEST.
    """
    place = unit(hash64(seed, "split", topics, topic_index, partition, offset))
    held, tested = place < holdout, place < holdout / 2
    return np.select([tested, held], [TEST, VALIDATION], TRAIN).astype(np.int8)
