"""Exact ranges of offsets from a source that gives what comes first."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import MissingOffsets
from ingest.position import Gap, OffsetRange, Position
from ingest.records import RecordBatch
from ingest.source import Source
from ingest.stream.merge import merge

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RangeReader"]

POLL_S = 0.2
Part = tuple[str, int]


class RangeReader:
    """Reads ranges of offsets, one behind another, whatever the source gives first.

    Records that come before they are wanted are held, up to `hold_bytes` a partition; what comes
    beyond that is let go and read again later, so a slow partition costs little memory.

    Args:
        source: at the start of the first range.
        takes: whether a partition is wanted at all.
        hold_bytes: of keys and values of a partition.
        stall_s: seconds without any progress that are too many.
        check: called before each poll; may raise to end the reading.
    """

    def __init__(
        self,
        source: Source,
        takes: Callable[[int], bool],
        hold_bytes: int,
        stall_s: float,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._takes = takes
        self._hold_bytes = hold_bytes
        self._stall_s = stall_s
        self._check = check
        self._queues: defaultdict[Part, deque[RecordBatch]] = defaultdict(deque)
        self._held: defaultdict[Part, int] = defaultdict(int)
        self._parked: dict[Part, int] = {}
        self._urgent: set[Part] = set()
        self._gaps: list[Gap] = []

    def position(self) -> Position:
        """The offsets before which all is given or held, for the partitions that are wanted."""
        return self._wanted(self._source.position(), self._parked)

    def end(self) -> Position:
        """The offset after the last record that can be read now, for the same partitions."""
        return self._wanted(self._source.end(), {})

    def take_gaps(self) -> tuple[Gap, ...]:
        """The gaps that were met since the last call."""
        gaps, self._gaps = tuple(self._gaps), []
        return gaps

    def poll(self) -> None:
        """Hold what the source has next."""
        self._check()
        for batch in self._source.poll(POLL_S):
            if self._takes(batch.partition):
                self._hold(batch)
        self._gaps += [gap for gap in self._source.take_gaps() if self._takes(gap.partition)]

    def read(
        self, start: Position, end: Position, budget: int | None
    ) -> tuple[Position, list[RecordBatch]]:
        """The records from `start` to `end`, or to where a partition's share of bytes is used up.

        Where that is depends on the records alone.

        Args:
            start: where the range before ended.
            end: after it in at least one partition.
            budget: most bytes of keys and values, divided among the partitions that have
                something to read; each gives at least one record. None for no limit.

        Returns:
            Where the records end, and the records by topic and partition.

        Raises:
            MissingOffsets: the source gives no more, and is not at the end.
        """
        ranges = [
            OffsetRange(topic, partition, first, last)
            for topic, partition, last in end.items()
            if (first := start.get(topic, partition) or 0) < last
        ]
        room = None if budget is None else max(1, budget // max(1, len(ranges)))
        self._fetch(ranges, room)
        stop = list(start.items())
        found: list[RecordBatch] = []
        for wanted in ranges:
            batches, reached = self._take(wanted, room)
            stop.append((wanted.topic, wanted.partition, reached))
            found += merge(batches)
        return Position.of(stop), found

    def _fetch(self, ranges: list[OffsetRange], room: int | None) -> None:
        heard, before = time.monotonic(), self.position()
        while behind := list(self._behind(ranges, before, room)):
            self._urgent = {(wanted.topic, wanted.partition) for wanted in behind}
            for part in self._urgent:
                self._unpark(part)
            self.poll()
            position = self.position()
            if position != before:
                heard, before = time.monotonic(), position
            elif time.monotonic() - heard > self._stall_s:
                places = ", ".join(f"{r.topic}[{r.partition}] up to {r.end}" for r in behind)
                raise MissingOffsets(
                    f"no record came for {self._stall_s:g} s; still to be read: {places}; is the"
                    " broker well, and does the topic have these offsets?"
                )

    def _behind(
        self, ranges: list[OffsetRange], position: Position, room: int | None
    ) -> Iterator[OffsetRange]:
        for wanted in ranges:
            part = (wanted.topic, wanted.partition)
            enough = room is not None and self._held[part] > room
            if not enough and (position.get(*part) or 0) < wanted.end:
                yield wanted

    def _take(self, wanted: OffsetRange, room: int | None) -> tuple[list[RecordBatch], int]:
        """Held records of a range, and the offset behind them or behind the range."""
        part = (wanted.topic, wanted.partition)
        queue, end, used = self._queues[part], wanted.end, 0
        found: list[RecordBatch] = []
        while queue and queue[0].offsets[0] < end:
            batch = queue.popleft()
            here = batch.between(wanted.start, end)
            if here is not None and room is not None:
                sizes = np.cumsum(_sizes(here)) + used
                used = int(sizes[-1])
                if used > room:
                    fitting = int(np.searchsorted(sizes, room, "right"))
                    fitting = max(fitting, 0 if found else 1)
                    end = int(here.offsets[fitting - 1]) + 1 if fitting else found[-1].next_offset
                    here = here.between(wanted.start, end)
            if here is not None:
                found.append(here)
            rest = batch.between(end, batch.next_offset)
            if rest is not None:
                queue.appendleft(rest)
        self._held[part] = sum(int(_sizes(batch).sum()) for batch in queue)
        return found, end

    def _hold(self, batch: RecordBatch) -> None:
        part = (batch.topic, batch.partition)
        if part in self._parked:
            return
        if self._held[part] > self._hold_bytes and part not in self._urgent:
            self._parked[part] = int(batch.offsets[0])
            return
        self._queues[part].append(batch)
        self._held[part] += int(_sizes(batch).sum())

    def _unpark(self, part: Part) -> None:
        """Read again from where records were let go."""
        if part in self._parked:
            self._source.seek(Position({part[0]: {part[1]: self._parked.pop(part)}}))

    def _wanted(self, position: Position, instead: Mapping[Part, int]) -> Position:
        return Position.of(
            (topic, partition, instead.get((topic, partition), offset))
            for topic, partition, offset in position.items()
            if self._takes(partition)
        )


def _sizes(batch: RecordBatch) -> NDArray[np.int64]:
    """int64[n]: bytes of key and value."""
    return np.maximum(batch.key_length, 0) + np.maximum(batch.value_length, 0)
