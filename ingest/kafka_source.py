"""Kafka as a source of record batches, on kafka-python, with positions of our own."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from ingest.errors import SourceError
from ingest.kafka_errors import translated
from ingest.position import Gap, Position
from ingest.records import RecordBatch

__all__ = ["KafkaSource"]

log = logging.getLogger("millstream.ingest")

NULL = -1
PARTITION_CHECK_S = 10.0
DEFAULTS: Mapping[str, object] = {
    "isolation_level": "read_committed",
    "max_poll_records": 20_000,
    "fetch_max_bytes": 32 << 20,
    "max_partition_fetch_bytes": 4 << 20,
    "check_crcs": True,
    "metadata_max_age_ms": 10_000,
    "bootstrap_timeout_ms": 10_000,
}
OURS: Mapping[str, object] = {
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    "group_id": None,
    "allow_auto_create_topics": False,
}


class KafkaSource:
    """A `Source` over all partitions of some topics.

    Partitions are assigned by hand and nothing is committed: the position is the caller's. A
    partition that is added to a topic later is read from its first record. Records of aborted
    transactions are not given (`isolation_level` may be changed). When the broker has deleted what
    the position points to, that is a `Gap`, and reading goes on at what there is.

    Args:
        topics: names.
        options: kafka-python's consumer options, `bootstrap_servers` among them.
        start: a position, or where every partition begins.

    Raises:
        SourceError: the broker cannot be reached, a topic does not exist, or an option is wrong.
    """

    def __init__(
        self,
        topics: Sequence[str],
        options: Mapping[str, object],
        start: Position | Literal["earliest", "latest"] = "earliest",
    ) -> None:
        self.topics = tuple(sorted(topics))
        self._options = options
        self._gaps: list[Gap] = []
        self._closed = False
        with translated("open the topics", options):
            self._consumer: Any = KafkaConsumer(**{**DEFAULTS, **options, **OURS})
        try:
            with translated("open the topics", options):
                self._open(start)
        except BaseException:
            self.close()
            raise

    def poll(self, timeout_s: float) -> list[RecordBatch]:
        """The next batches, one at most per partition; see `Source`.

        Raises:
            SourceError: the broker refused, or the topic was made anew and is shorter now.
        """
        with translated("read records", self._options):
            self._add_new_partitions()
            try:
                found = self._consumer.poll(timeout_ms=int(timeout_s * 1000))
            except OffsetOutOfRangeError as error:
                self._step_over(error.args[0])
                return []
        return [to_batch(tp, records) for tp, records in sorted(found.items()) if records]

    def position(self) -> Position:
        """See `Source`."""
        with translated("tell the position", self._options):
            return self._position_of({tp: self._consumer.position(tp) for tp in self._partitions()})

    def seek(self, position: Position) -> None:
        """See `Source`."""
        for topic, partition, offset in position.items():
            self._consumer.seek(TopicPartition(topic, partition), offset)

    def beginning(self) -> Position:
        """See `Source`."""
        with translated("find the first records", self._options):
            return self._position_of(self._consumer.beginning_offsets(self._partitions()))

    def end(self) -> Position:
        """See `Source`."""
        with translated("find the last records", self._options):
            return self._position_of(self._consumer.end_offsets(self._partitions()))

    def take_gaps(self) -> tuple[Gap, ...]:
        """See `Source`."""
        gaps, self._gaps = tuple(self._gaps), []
        return gaps

    def close(self) -> None:
        """See `Source`."""
        if not self._closed:
            self._closed = True
            self._consumer.close()

    def _open(self, start: Position | Literal["earliest", "latest"]) -> None:
        partitions = self._existing_partitions(complete=True)
        self._consumer.assign(partitions)
        self._checked = time.monotonic()
        if isinstance(start, Position):
            for tp in partitions:
                self._consumer.seek(tp, start.get(tp.topic, tp.partition) or 0)
        else:
            at = self.beginning() if start == "earliest" else self.end()
            self.seek(at)

    def _existing_partitions(self, *, complete: bool) -> list[TopicPartition]:
        found = []
        for topic in self.topics:
            numbers = self._consumer.partitions_for_topic(topic)
            if not numbers and complete:
                raise SourceError(
                    f"topic {topic}: the broker at {self._options.get('bootstrap_servers')} does"
                    " not have it; create it, or correct kafka.topics"
                )
            found += [TopicPartition(topic, number) for number in sorted(numbers or ())]
        return found

    def _add_new_partitions(self) -> None:
        now = time.monotonic()
        if now - self._checked < PARTITION_CHECK_S:
            return
        self._checked = now
        before = self._partitions()
        new = [tp for tp in self._existing_partitions(complete=False) if tp not in set(before)]
        if new:
            at = {tp: self._consumer.position(tp) for tp in before}
            self._consumer.assign([*before, *new])
            for tp, offset in {**at, **dict.fromkeys(new, 0)}.items():
                self._consumer.seek(tp, offset)
            log.info("reading new partitions: %s", ", ".join(f"{t}[{p}]" for t, p in new))

    def _step_over(self, offsets: Mapping[TopicPartition, int]) -> None:
        beginning = self._consumer.beginning_offsets(list(offsets))
        for tp, offset in offsets.items():
            first = beginning[tp]
            if offset > first:
                raise SourceError(
                    f"{tp.topic}[{tp.partition}]: the position {offset} lies behind the end of the"
                    " partition; was the topic deleted and made anew? Use another"
                    " service.state_dir to begin again"
                )
            gap = Gap(tp.topic, tp.partition, offset, first)
            log.warning(
                "%s[%d]: offsets %d to %d were deleted by the broker before they were read",
                tp.topic, tp.partition, offset, first - 1,
            )  # fmt: skip
            self._gaps.append(gap)
            self._consumer.seek(tp, first)

    def _partitions(self) -> list[TopicPartition]:
        return sorted(self._consumer.assignment())

    def _position_of(self, offsets: Mapping[TopicPartition, int]) -> Position:
        plain: dict[str, dict[int, int]] = {}
        for tp, offset in offsets.items():
            plain.setdefault(tp.topic, {})[tp.partition] = offset
        return Position(plain)


def to_batch(tp: TopicPartition, records: Sequence[Any]) -> RecordBatch:
    """kafka-python's records of one partition as columns."""
    count = len(records)
    parts: list[bytes] = []
    spans = np.empty((4, count), np.int64)
    at = 0
    for index, record in enumerate(records):
        for row, part in ((0, record.key), (2, record.value)):
            spans[row, index] = at
            spans[row + 1, index] = NULL if part is None else len(part)
            if part:
                parts.append(part)
                at += len(part)
    return RecordBatch(
        tp.topic,
        tp.partition,
        np.fromiter((record.offset for record in records), np.int64, count),
        np.fromiter((record.timestamp for record in records), np.int64, count),
        spans[0],
        spans[1],
        spans[2],
        spans[3],
        np.frombuffer(b"".join(parts), np.uint8),
    )
