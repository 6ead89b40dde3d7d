"""Kafka as a source of record batches, on kafka-python, with positions of our own."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from ingest.errors import SourceError
from ingest.kafka.client import open_client
from ingest.kafka.errors import translated
from ingest.position import Gap, Position
from ingest.records import RecordBatch

__all__ = ["KafkaSource"]

log = logging.getLogger("millstream.ingest")

ANSWER_MS = 10_000
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
            self._consumer: Any = open_client(KafkaConsumer, options, OURS, DEFAULTS)
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
            return self._position_of(self._offsets())

    def seek(self, position: Position) -> None:
        """See `Source`."""
        for topic, partition, offset in position.items():
            self._consumer.seek(TopicPartition(topic, partition), offset)

    def beginning(self) -> Position:
        """See `Source`."""
        with translated("find the first records", self._options):
            return self._position_of(
                self._consumer.beginning_offsets(self._partitions(), ANSWER_MS)
            )

    def end(self) -> Position:
        """See `Source`."""
        with translated("find the last records", self._options):
            return self._position_of(self._consumer.end_offsets(self._partitions(), ANSWER_MS))

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
        partitions = self._existing_partitions()
        self._consumer.assign(partitions)
        if isinstance(start, Position):
            self._check_known(start, partitions)
            for tp in partitions:
                self._consumer.seek(tp, start.get(tp.topic, tp.partition) or 0)
        else:
            at = self.beginning() if start == "earliest" else self.end()
            self.seek(at)

    def _existing_partitions(self) -> list[TopicPartition]:
        found = []
        for topic in self.topics:
            numbers = self._consumer.partitions_for_topic(topic)
            if not numbers:
                raise SourceError(
                    f"topic {topic}: the broker at {self._options.get('bootstrap_servers')} does"
                    " not have it; create it, or correct kafka.topics"
                )
            found += [TopicPartition(topic, number) for number in sorted(numbers)]
        return found

    def _check_known(self, start: Position, partitions: Sequence[TopicPartition]) -> None:
        for topic, partition, _ in start.items():
            if topic in self.topics and (topic, partition) not in partitions:
                raise SourceError(
                    f"{topic}[{partition}]: the position names this partition, the broker does not"
                    " have it; was the topic deleted and made anew? Use another service.state_dir"
                    " to begin again"
                )

    def _add_new_partitions(self) -> None:
        """Assign what the metadata newly has; the consumer's own question may wait for ever."""
        before = self._consumer.assignment()
        new = sorted(
            TopicPartition(topic, number)
            for topic in self.topics
            for number in self._consumer._cluster.partitions_for_topic(topic) or ()
            if (topic, number) not in before
        )
        if new:
            self._consumer.assign([*sorted(before), *new])
            for tp in new:
                self._consumer.seek(tp, 0)
            log.info("reading new partitions: %s", ", ".join(f"{t}[{p}]" for t, p in new))

    def _step_over(self, offsets: Mapping[TopicPartition, int]) -> None:
        beginning = self._consumer.beginning_offsets(list(offsets), ANSWER_MS)
        end = self._consumer.end_offsets(list(offsets), ANSWER_MS)
        for tp, offset in offsets.items():
            first = beginning[tp]
            if offset > end[tp]:
                raise SourceError(
                    f"{tp.topic}[{tp.partition}]: the position {offset} lies past the end of the"
                    " partition; was the topic deleted and made anew? Use another"
                    " service.state_dir to begin again"
                )
            if offset < first:
                log.warning(
                    "%s[%d]: offsets %d to %d were deleted by the broker before they were read",
                    *(tp.topic, tp.partition, offset, first - 1),
                )
                self._gaps.append(Gap(tp.topic, tp.partition, offset, first))
            else:
                log.warning(
                    "%s[%d]: the broker refused offset %d, which it has; asking again", *tp, offset
                )
            self._consumer.seek(tp, max(offset, first))

    def _offsets(self) -> dict[TopicPartition, int]:
        """Next offsets as the consumer holds them, without asking the broker."""
        return {tp: self._consumer.position(tp, timeout_ms=0) for tp in self._partitions()}

    def _partitions(self) -> list[TopicPartition]:
        return sorted(self._consumer.assignment())

    def _position_of(self, offsets: Mapping[TopicPartition, int]) -> Position:
        plain: dict[str, dict[int, int]] = {}
        for tp, offset in offsets.items():
            plain.setdefault(tp.topic, {})[tp.partition] = offset
        return Position(plain)


def to_batch(tp: TopicPartition, records: Sequence[Any]) -> RecordBatch:
    """kafka-python's records of one partition as columns."""
    return RecordBatch.of(
        tp.topic,
        tp.partition,
        [record.offset for record in records],
        [record.value for record in records],
        keys=[record.key for record in records],
        timestamps=[record.timestamp for record in records],
    )
