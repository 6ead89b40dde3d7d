"""What was fetched and not yet handed out."""

from __future__ import annotations

import time
from collections import deque
from itertools import islice

from kafka import TopicPartition

from ingest.errors import CorruptBatchError
from ingest.kafka.ahead import AheadReader, Reader
from ingest.records import RecordBatch

__all__ = ["Backlog"]

# Fetches that are decoded ahead, those that are not at once.
AHEAD = 3


class Backlog:
    """Hands out fetches in the order they came in, piece by piece, and knows the positions.

    What it holds is bounded by the fetches that are given to it. Damage in one partition does not
    keep the records of others back: it is told when all that was fetched has been handed out.

    Attributes:
        seconds: how long `take` has unpacked, or waited for what is unpacked ahead.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._waiting: deque[_Reading] = deque()
        self._damaged: dict[TopicPartition, tuple[int, CorruptBatchError]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting or self._damaged)

    def add(self, tp: TopicPartition, reader: Reader) -> None:
        """Add what was fetched of a partition."""
        self._waiting.append(_Reading(tp, reader))

    def take(self, most: int) -> list[RecordBatch]:
        """The next batches, with `most` records at most in all; may be none."""
        begun = time.perf_counter()
        try:
            return self._take(most)
        finally:
            self.seconds += time.perf_counter() - begun

    def _take(self, most: int) -> list[RecordBatch]:
        found: list[RecordBatch] = []
        while self._waiting and most > 0:
            reading = self._waiting[0]
            for near in islice(self._waiting, AHEAD):
                near.start()
            try:
                batch = reading.read(most)
            except CorruptBatchError as error:
                self.forget(reading.tp)
                self._damaged[reading.tp] = (reading.position, error)
                continue
            except Exception:
                if found:
                    break  # what was taken is given first; it fails again when it is asked again
                raise
            if batch is not None:
                found.append(batch)
                most -= len(batch)
            if reading.ended:
                self._waiting.popleft()
        return found

    def take_damage(self) -> tuple[TopicPartition, int, CorruptBatchError] | None:
        """What was damaged: the partition, the offset before it, and the error; and forget it."""
        for tp, (offset, error) in self._damaged.items():
            del self._damaged[tp]
            return tp, offset, error
        return None

    def position(self, tp: TopicPartition) -> int | None:
        """The next offset that will be handed out of a partition; None if nothing waits."""
        if tp in self._damaged:
            return self._damaged[tp][0]
        return next((item.position for item in self._waiting if item.tp == tp), None)

    def forget(self, tp: TopicPartition) -> None:
        """Drop what waits of a partition."""
        self._damaged.pop(tp, None)
        for item in self._waiting:
            if item.tp == tp:
                item.drop()
        self._waiting = deque(item for item in self._waiting if item.tp != tp)


class _Reading:
    def __init__(self, tp: TopicPartition, reader: Reader) -> None:
        self.tp = tp
        self._reader = reader
        self._rest: RecordBatch | None = None

    @property
    def position(self) -> int:
        return self._reader.position if self._rest is None else int(self._rest.offsets[0])

    @property
    def ended(self) -> bool:
        return self._rest is None and self._reader.ended

    def start(self) -> None:
        if isinstance(self._reader, AheadReader):
            self._reader.start()

    def drop(self) -> None:
        if isinstance(self._reader, AheadReader):
            self._reader.drop()

    def read(self, most: int) -> RecordBatch | None:
        batch = self._reader.read(most) if self._rest is None else self._rest
        self._rest = None
        if batch is None or len(batch) <= most:
            return batch
        cut = int(batch.offsets[most])
        self._rest = batch.between(cut, batch.next_offset)
        return batch.between(0, cut)
