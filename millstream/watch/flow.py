"""How records flow, by partition: where a worker reads, where its topics end, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ingest import Position

__all__ = ["OLD_S", "Flow", "PartitionState"]

RATE_S = 1.0
"""Rates are taken over at least so long, and others are told no more often."""
OLD_S = 5.0
"""A partition of which nothing was told for so long is shown with its age."""


@dataclass(frozen=True)
class PartitionState:
    """A partition as it was a moment ago.

    Attributes:
        end: the offset after its last record; None while the broker does not tell.
        position: the next offset that is in no round, and not read for the next one.
        lag: records in between.
        records_per_s: offsets that were read, over about a second.
        age_s: seconds since it was told, when that was written; 0 for what the writer has read.
    """

    end: int | None
    position: int
    lag: int | None
    records_per_s: float
    age_s: float = 0.0


class Flow:
    """Turns what an intake tells again and again into the states of its partitions.

    Args:
        clock: one that never jumps.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._before: Position | None = None
        self._rates: dict[str, float] = {}
        self._told = float("-inf")
        self._now: dict[str, PartitionState] = {}

    def look(self, position: Position, end: Position | None) -> dict[str, PartitionState]:
        """The states by `topic[partition]`, given where the intake is and where its topics end."""
        now = self._clock()
        if self._before is None:
            self._since, self._before = now, position
        elif now - self._since >= RATE_S:
            self._rates = rates(self._before, position, now - self._since)
            self._since, self._before = now, position
        self._now = {
            name: state_of(offset, None if end is None else end.get(topic, partition), rate)
            for topic, partition, offset in position.items()
            for name in (named(topic, partition),)
            for rate in (self._rates.get(name, 0.0),)
        }
        return self._now

    def news(self) -> dict[str, PartitionState]:
        """What `look` came to last, for other workers; nothing if they were told just now."""
        now = self._clock()
        if now - self._told < RATE_S:
            return {}
        self._told = now
        return self._now


def rates(before: Position, after: Position, seconds: float) -> dict[str, float]:
    """Offsets per second of each partition that both positions know."""
    return {
        named(topic, partition): max(0, offset - first) / seconds
        for topic, partition, offset in after.items()
        if (first := before.get(topic, partition)) is not None
    }


def named(topic: str, partition: int) -> str:
    """A partition's name, as in messages to people."""
    return f"{topic}[{partition}]"


def state_of(position: int, end: int | None, rate: float) -> PartitionState:
    """The state of one partition."""
    lag = None if end is None else max(0, end - position)
    return PartitionState(end, position, lag, round(rate, 3))
