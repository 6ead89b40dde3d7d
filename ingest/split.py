"""Which side of the holdout a record is on, for ever."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ingest.identity import PLACES, hash64, sequence, unit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["TEST", "TRAIN", "VALIDATION", "Splitter", "split"]

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


class Splitter:
    """`split` for many records of one partition at a time, without the GIL.

    Args:
        seed: of the split.
        holdout: share of the records that is held out, from 0 to 1.
    """

    def __init__(self, seed: int, holdout: float) -> None:
        self._seed = seed
        self._held, self._tested = _places_below(holdout), _places_below(holdout / 2)

    def sides(
        self, topic: str, partition: int, offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.int8], tuple[int, int, int]]:
        """The side of each record, and how many are on TRAIN, VALIDATION and TEST.

        Args:
            topic: name.
            partition: of the records.
            offsets: int64[n].

        Returns:
            int8[n] of the sides, and the three counts.
        """
        from ingest.identity_scan import sides

        start = sequence(self._seed, "split", topic, partition)
        return sides(start, offsets, self._held, self._tested)


def _places_below(share: float) -> int:
    """How many of `unit`'s numbers, (place + 0.5) / PLACES, are below a share."""
    return math.ceil(Fraction(share) * PLACES - Fraction(1, 2))
