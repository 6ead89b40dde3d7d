"""Randomness that belongs to a record: 64 bits of (seed, purpose, topic, partition, offset, epoch).

Whatever touches a record by chance (its side of the split, its sampling key, its place in the
shuffle) comes from here, so neither timing, nor restarts, nor the number of workers changes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["PLACES", "Purpose", "hash64", "sequence", "unit"]

Purpose = Literal[
    "split", "sample", "shuffle", "recall", "augment", "importance", "drift", "compress", "time"
]

PLACES = 2**52  # `unit` tells so many numbers apart

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)


def hash64(
    seed: int,
    purpose: Purpose,
    topics: Sequence[str],
    topic_index: ArrayLike,
    partition: ArrayLike,
    offset: ArrayLike,
    *,
    epoch: int = 0,
) -> NDArray[np.uint64]:
    """64 well-mixed bits per record, a pure function of its identity and the settings.

    Each (seed, purpose, epoch, topic, partition) starts a SplitMix64 sequence [Steele, Lea & Flood
    2014] of its own, and a record takes the element at its offset.

    Args:
        seed: any integer.
        purpose: records get independent bits for each purpose.
        topics: names; a record's bits depend on its topic's name, not on the index.
        topic_index: int[n] or one for all, into `topics`.
        partition: int[n] or one for all.
        offset: int64[n].
        epoch: records get independent bits for each epoch.

    Returns:
        uint64[n].
    """
    bases = np.array([_base(seed, purpose, topic, epoch) for topic in topics], np.uint64)
    with np.errstate(over="ignore"):
        parts = _unsigned(partition) * GOLDEN + (
            bases[np.asarray(topic_index)] if len(bases) else np.uint64(0)
        )
        return _mix(_mix(parts) + (_unsigned(offset) + np.uint64(1)) * GOLDEN)


@lru_cache(maxsize=1024)
def sequence(seed: int, purpose: Purpose, topic: str, partition: int, *, epoch: int = 0) -> int:
    """Where the sequence of one partition starts: the part of `hash64` that its records share."""
    with np.errstate(over="ignore"):
        start = _unsigned(partition) * GOLDEN + np.uint64(_base(seed, purpose, topic, epoch))
        return int(_mix(start)[0])


def unit(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Uniform numbers from the open interval (0, 1), 52 bits each, never 0 and never 1."""
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def _base(seed: int, purpose: str, topic: str, epoch: int) -> int:
    text = json.dumps([seed, purpose, topic, epoch]).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _unsigned(numbers: ArrayLike) -> NDArray[np.uint64]:
    return np.atleast_1d(np.asarray(numbers, np.int64)).astype(np.uint64)


def _mix(state: NDArray[Any]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * FIRST
    state = (state ^ (state >> np.uint64(27))) * SECOND
    mixed: NDArray[np.uint64] = state ^ (state >> np.uint64(31))
    return mixed
