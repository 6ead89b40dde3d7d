"""Rows, records and a source in memory, made without chance."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ingest import BadRecord, Field, Gap, Position, RecordBatch, Rows, Schema

TOPICS = ("a", "b")
SCHEMA = Schema(
    (
        Field("amount", "float32"),
        Field("count", "int32"),
        Field("big", "int64"),
        Field("member", "bool"),
        Field("city", "category", vocabulary=("Oslo", "Bergen")),
        Field("user", "category", buckets=16),
        Field("late", "category", "label", vocabulary=("no", "yes")),
        Field("weight", "float32", "weight"),
    )
)


def record(number: int = 0, **changed: object) -> dict[str, object]:
    """A good record as a dictionary."""
    good = {
        "amount": number / 8,
        "count": number,
        "big": number * 2**33,
        "member": number % 2 == 0,
        "city": ("Oslo", "Bergen", "Tromsø")[number % 3],
        "user": f"u{number}",
        "late": ("no", "yes")[number % 2],
        "weight": 1 + number % 4,
    }
    return {**good, **changed}


def encoded(number: int = 0, **changed: object) -> bytes:
    """A good record's value."""
    return json.dumps(record(number, **changed), ensure_ascii=False).encode()


def make_rows(count: int, first: int = 0, topics: tuple[str, ...] = TOPICS) -> Rows:
    """Rows with identities spread over topics and three partitions."""
    number = np.arange(first, first + count)
    columns = {
        "amount": (number % 97).astype(np.float32),
        "count": (number % 89).astype(np.int32),
        "big": number * 2**33,
        "member": number % 2 == 0,
        "city": (number % 3).astype(np.int32),
        "user": (number % 17).astype(np.int32),
        "late": (number % 2).astype(np.int32),
        "weight": (1 + number % 4).astype(np.float32),
    }
    return Rows(
        topics=topics,
        topic=(number % len(topics)).astype(np.int32),
        partition=(number // 2 % 3).astype(np.int32),
        offset=number // 6,
        timestamp=1_000 + number,
        columns=columns,
    )


class ListDeadLetters:
    """Keeps bad records in a list; `fail_flush` makes the delivery fail."""

    def __init__(self, fail_flush: Exception | None = None) -> None:
        self.sent: list[tuple[str, int, int, str]] = []
        self.delivered = 0
        self.fail_flush = fail_flush

    def send(self, batch: RecordBatch, bad: Sequence[BadRecord]) -> None:
        for item in bad:
            offset = int(batch.offsets[item.index])
            self.sent.append((batch.topic, batch.partition, offset, item.kind))

    def flush(self) -> None:
        if self.fail_flush is not None:
            raise self.fail_flush
        self.delivered = len(self.sent)

    def position(self, accounted: Position) -> Position:
        return Position()

    def close(self) -> None:
        pass


class MemorySource:
    """A source over lists of (offset, value); `events` are run before the poll of that number."""

    def __init__(
        self,
        records: Mapping[tuple[str, int], Sequence[tuple[int, bytes | None]]],
        start: Position | None = None,
        *,
        most: int = 7,
        ends: Mapping[tuple[str, int], int] | None = None,
    ) -> None:
        self.records = {part: list(items) for part, items in records.items()}
        self.ends = dict(ends or {})
        self.trimmed = dict.fromkeys(self.records, 0)
        self.most = most
        self.events: dict[int, Callable[[], None]] = {}
        self.polls = 0
        self.closed = False
        self._gaps: list[Gap] = []
        self._at = dict.fromkeys(self.records, 0)
        if start is not None:
            self.seek(start)

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(sorted({topic for topic, _ in self.records}))

    def poll(self, timeout_s: float) -> list[RecordBatch]:
        event = self.events.get(self.polls)
        self.polls += 1
        if event is not None:
            event()
        batches = []
        for (topic, partition), items in self.records.items():
            self._step_over_trimmed(topic, partition)
            at = self._at.setdefault((topic, partition), 0)
            rest = [item for item in items if item[0] >= at][: self.most]
            if rest:
                offsets, values = zip(*rest, strict=True)
                times = [1_000 + offset for offset in offsets]
                batches.append(RecordBatch.of(topic, partition, offsets, values, timestamps=times))
                self._at[topic, partition] = offsets[-1] + 1
            else:
                self._at[topic, partition] = max(at, self._end(topic, partition))
        return batches

    def _step_over_trimmed(self, topic: str, partition: int) -> None:
        first = self.trimmed.get((topic, partition), 0)
        at = self._at.setdefault((topic, partition), 0)
        if at < first:
            self._gaps.append(Gap(topic, partition, at, first))
            self._at[topic, partition] = first

    def _end(self, topic: str, partition: int) -> int:
        items = self.records[topic, partition]
        last = items[-1][0] + 1 if items else 0
        return max(last, self.ends.get((topic, partition), 0))

    def seek(self, position: Position) -> None:
        for topic, partition, offset in position.items():
            self._at[topic, partition] = offset

    def position(self) -> Position:
        return _position(self._at)

    def end(self) -> Position:
        return _position({part: self._end(*part) for part in self.records})

    def beginning(self) -> Position:
        return _position({part: self.trimmed.get(part, 0) for part in self.records})

    def take_gaps(self) -> tuple[Gap, ...]:
        gaps, self._gaps = tuple(self._gaps), []
        return gaps

    def close(self) -> None:
        self.closed = True


def _position(offsets: Mapping[tuple[str, int], int]) -> Position:
    plain: dict[str, dict[int, int]] = {}
    for (topic, partition), offset in offsets.items():
        plain.setdefault(topic, {})[partition] = offset
    return Position(plain)
