"""When the records of a window were made: a fair sample of their timestamps, for quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ingest.distributed.workers import Workers, gather_arrays
from ingest.identity import PLACES, hash64, sequence
from ingest.records import RecordBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EARLIEST_MS", "EventTimes", "TimeSampler"]

EARLIEST_MS = 365 * 24 * 3600 * 1000
"""The end of 1970: a clock in seconds, or one that was never set, says less."""
CAPACITY = 4096
"""Times that are kept: the rank of a 95th percentile is then off by a third of a percent."""
DROPPED = np.uint64(12)


@dataclass(frozen=True, eq=False)
class EventTimes:
    """A uniform sample of timestamps, a function of the seed and the records alone.

    Attributes:
        records: how many records have a time.
        without: how many have none, or one before `EARLIEST_MS`, which is no time of day.
        times: int64[n], milliseconds since the epoch, ascending; all of them up to `CAPACITY`.
        places: uint64[n], the chance by which each is in the sample.
    """

    records: int = 0
    without: int = 0
    times: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    places: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))

    def quantiles(self, shares: Sequence[float]) -> list[int]:
        """The times that such shares of the records are not later than; none if none has a time."""
        if not len(self.times):
            return []
        return [round(time) for time in np.quantile(self.times, shares).tolist()]

    @classmethod
    def together(cls, parts: Sequence[EventTimes]) -> EventTimes:
        """Those of all records of some parts; a record is in one of them."""
        times = np.concatenate([cls().times, *(part.times for part in parts)])
        places = np.concatenate([cls().places, *(part.places for part in parts)])
        kept = np.lexsort((times, places))[:CAPACITY]
        kept = kept[np.argsort(times[kept], kind="stable")]
        records, without = sum(p.records for p in parts), sum(p.without for p in parts)
        return cls(records, without, times[kept], places[kept])

    def agreed(self, workers: Workers) -> EventTimes:
        """Those of the records of all workers; all of them call it."""
        counts = np.array([self.records, self.without], np.int64)
        own = {"counts": counts, "times": self.times, "places": self.places}
        return self.together(
            [
                EventTimes(int(told["counts"][0]), int(told["counts"][1]), *_columns(told))
                for told in gather_arrays(workers, own)
            ]
        )


class TimeSampler:
    """Samples timestamps while records stream in, in one pass over the offsets.

    Args:
        seed: of the sample.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._bar = PLACES - 1
        self._kept = EventTimes()
        self._new: list[EventTimes] = []
        self._waiting = 0

    def add(self, batch: RecordBatch) -> None:
        """Take over the times of a batch."""
        # Twice as many as can stay are enough, but by a chance of one in millions.
        enough = 2 * CAPACITY * PLACES // len(batch)
        chosen, records = self._below(min(self._bar, enough), batch)
        if len(chosen) < CAPACITY and enough < self._bar:
            chosen, records = self._below(self._bar, batch)
        found = self._places(batch, chosen) if len(chosen) else ()  # small batches have none
        self._new.append(EventTimes(records, len(batch) - records, *found))
        self._waiting += 1 + len(chosen)
        if self._waiting > CAPACITY:
            self.read()

    def _places(
        self, batch: RecordBatch, chosen: NDArray[np.intp]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """The times of some records, and their places."""
        offsets = batch.offsets[chosen]
        bits = hash64(self._seed, "time", (batch.topic,), 0, batch.partition, offsets)
        return batch.timestamps[chosen], bits >> DROPPED

    def _below(self, bar: int, batch: RecordBatch) -> tuple[NDArray[np.intp], int]:
        """Which records have a time and a place up to a bar; how many have a time."""
        from ingest.identity_scan import at_most

        start = sequence(self._seed, "time", batch.topic, batch.partition)
        chosen = np.flatnonzero(at_most(start, batch.offsets, bar))
        if batch.timestamps.min() >= EARLIEST_MS:
            return chosen, len(batch)
        timed = batch.timestamps >= EARLIEST_MS
        return chosen[timed[chosen]], int(np.count_nonzero(timed))

    def read(self) -> EventTimes:
        """The sample as it is now."""
        if self._new:
            self._kept = EventTimes.together([self._kept, *self._new])
            self._new, self._waiting = [], 0
            if len(self._kept.places) == CAPACITY:
                self._bar = int(self._kept.places.max())
        return self._kept


def _columns(
    told: dict[str, NDArray[np.int64]],
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    return told["times"], told["places"].astype(np.uint64)
