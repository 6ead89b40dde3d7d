"""Which letters an earlier process has delivered, so that none is delivered a second time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from kafka import KafkaConsumer

from ingest.errors import SourceError
from ingest.formats.decoder import BadRecord
from ingest.kafka.client import open_client, partitions_of
from ingest.kafka.errors import translated
from ingest.kafka.letter import identity_of, read_headers
from ingest.kafka.source import KafkaSource
from ingest.position import Position
from ingest.records import RecordBatch

__all__ = ["Delivered", "end_of_topics", "existing_topics", "read_range"]

POLL_S = 0.5
STALL_S = 30.0
DEFAULTS = {"bootstrap_timeout_ms": 10_000}


class Delivered:
    """The records whose letters are found in dead-letter topics from a position on.

    Args:
        options: kafka-python's connection options.
        topics: the dead-letter topics; those that do not exist hold nothing.
        since: where to begin to look; partitions that it does not name are read from their start.
        writer: whose letters count.
        takes: whether the records of a partition of this number are asked for.

    Raises:
        SourceError: the broker cannot be reached, or refuses.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        topics: Sequence[str],
        since: Position,
        writer: str,
        takes: Callable[[int], bool] = lambda _: True,
    ) -> None:
        # A transaction of someone else's that hangs must not hide what comes after it.
        options = {**options, "isolation_level": "read_uncommitted"}
        found: dict[tuple[str, int], list[int]] = {}
        self.end = end_of_topics(options, topics)
        for batch in read_range(options, since, self.end):
            for told in read_headers(batch):
                named = identity_of(told, writer)
                if named is not None and takes(named[1]):
                    found.setdefault(named[:2], []).append(named[2])
        self._offsets = {part: np.unique(np.array(list_)) for part, list_ in found.items()}

    def __len__(self) -> int:
        return sum(map(len, self._offsets.values()))

    def without(self, batch: RecordBatch, bad: Sequence[BadRecord]) -> Sequence[BadRecord]:
        """The bad records of a batch that have no letter yet."""
        known = self._offsets.get((batch.topic, batch.partition))
        if known is None or not bad:
            return bad
        there = np.isin(batch.offsets[[record.index for record in bad]], known)
        return [record for record, is_there in zip(bad, there, strict=True) if not is_there]

    def forget(self, accounted: Position) -> None:
        """Drop the records before a position: they will not be met again."""
        for topic, partition, offset in accounted.items():
            known = self._offsets.pop((topic, partition), None)
            if known is not None and (rest := known[known >= offset]).size:
                self._offsets[topic, partition] = rest


def existing_topics(options: Mapping[str, object], topics: Sequence[str]) -> dict[str, int]:
    """Those of some topics that the broker has, sorted, and how many partitions each has.

    Raises:
        SourceError: the broker cannot be reached, or refuses.
    """
    ours = {"allow_auto_create_topics": False, "enable_auto_commit": False}
    with translated("look for the dead letters", options):
        consumer = open_client(KafkaConsumer, options, ours, DEFAULTS)
        try:
            counts = {topic: len(partitions_of(consumer, topic)) for topic in sorted(set(topics))}
            return {topic: count for topic, count in counts.items() if count}
        finally:
            consumer.close()


def end_of_topics(options: Mapping[str, object], topics: Sequence[str]) -> Position:
    """Where those of some topics end that the broker has."""
    there = existing_topics(options, topics)
    if not there:
        return Position()
    source = KafkaSource(list(there), options, "latest")
    try:
        return source.end()
    finally:
        source.close()


def read_range(
    options: Mapping[str, object], start: Position, end: Position
) -> Iterator[RecordBatch]:
    """The records, with headers, of the topics that `end` names, up to it.

    What was deleted is stepped over; a topic that was made anew, and is shorter than `start` says,
    is read from its beginning.

    Raises:
        SourceError: the broker cannot be reached, refuses, or gives nothing for 30 s.
    """
    topics = sorted({t for t, p, offset in end.items() if offset != (start.get(t, p) or 0)})
    if not topics:
        return
    end = Position.of(item for item in end.items() if item[0] in topics)
    source = KafkaSource(topics, options, "earliest", headers=True)
    try:
        for topic, partition, first in source.position().items():
            at = start.get(topic, partition) or 0
            if first < at <= (end.get(topic, partition) or 0):
                source.seek(Position({topic: {partition: at}}))
        heard, position = time.monotonic(), source.position()
        while position.records_to(end):
            batches = source.poll(POLL_S)
            for batch in batches:
                part = batch.between(0, end.get(batch.topic, batch.partition) or 0)
                if part is not None:
                    yield part
            if batches or source.position() != position:
                heard, position = time.monotonic(), source.position()
            elif time.monotonic() - heard > STALL_S:
                raise SourceError(
                    f"{', '.join(topics)}: no record came for {STALL_S:g} s between {position} and"
                    f" {end}; is the broker well, and was the topic deleted meanwhile?"
                )
    finally:
        source.close()
