"""Kafka as a source of record batches, on kafka-python, with positions of our own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from ingest.errors import PositionError, SourceError
from ingest.kafka.ahead import DecodePool
from ingest.kafka.backlog import Backlog
from ingest.kafka.client import cluster_id_of, most_batch_bytes, open_client, partitions_of
from ingest.kafka.errors import lasting, translated
from ingest.position import Gap, Position
from ingest.records import RecordBatch
from ingest.wire.settings import ReadSettings

__all__ = ["KafkaSource"]

log = logging.getLogger("millstream.ingest")

ANSWER_MS = 10_000
DEFAULTS: Mapping[str, object] = {
    "isolation_level": "read_committed",
    "max_poll_records": 100_000,
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
    """A `Source` over all partitions of some topics; `cluster_id` is Kafka's name for the cluster.

    Partitions are assigned by hand and nothing is committed: the position is the caller's. A
    partition that is added to a topic later is read from its first record. Records of aborted
    transactions are not given (`isolation_level` may be changed). When the broker has deleted what
    the position points to, that is a `Gap`, and reading goes on at what there is.

    Record batches are decoded as columns, straight from the bytes of a fetch, while the next one
    is on its way; large ones by two threads. Memory is bounded: by two fetches of each broker
    (`fetch_max_bytes`), by three pieces of three partitions that are decoded ahead, and by what is
    decoded at a time, which is a poll (`max_poll_records`). A piece has 4 MiB, or is one of Kafka's
    batches.

    Args:
        topics: names.
        options: kafka-python's consumer options, `bootstrap_servers` among them; and
            `max_batch_bytes`, the most bytes that one of Kafka's batches may have decompressed,
            128 MiB by default; not where kafka-python reads record by record, as it does messages
            of format 0 and 1.
        start: a position, or where every partition begins.
        headers: whether record batches get the headers of their records.
        columnar: False to have kafka-python read record by record: the same, and slower.
        takes: whether the partitions of this number are read.

    Raises:
        SourceError: the broker cannot be reached, a topic does not exist, or an option is wrong.
    """

    def __init__(
        self,
        topics: Sequence[str],
        options: Mapping[str, object],
        start: Position | Literal["earliest", "latest"] = "earliest",
        *,
        headers: bool = False,
        columnar: bool = True,
        takes: Callable[[int], bool] = lambda _: True,
    ) -> None:
        from ingest.kafka.seam import Seam  # numba takes its time

        self.topics = tuple(sorted(topics))
        self._options = options
        self._takes = takes
        self._gaps: list[Gap] = []
        self._closed = False
        self._failure: SourceError | None = None
        self._backlog = Backlog()
        self._pool = DecodePool()
        with translated("open the topics", options):
            self._consumer: Any = open_client(KafkaConsumer, options, OURS, DEFAULTS)
        try:
            self._most = _count_of(self._consumer.config, "max_poll_records")
            crcs = self._consumer.config["check_crcs"]
            settings = ReadSettings(crcs, headers, most_batch_bytes(options))
            self._seam = Seam(self._consumer, columnar, settings, self._pool)
            with translated("open the topics", options):
                self._open(start)
            self.cluster_id = cluster_id_of(self._consumer)
        except BaseException:
            self.close()
            raise

    def poll(self, timeout_s: float) -> list[RecordBatch]:
        """The next batches, `max_poll_records` at most in all; see `Source`.

        Raises:
            CorruptBatchError: the next record batch of a partition is damaged. Its position stays
                before it, the next poll asks the broker for it again, and what was fetched of
                other partitions has been given.
            SourceError: the broker refused, or the topic was made anew and is shorter now.
        """
        deadline = time.monotonic() + timeout_s
        with translated("read records", self._options):
            self._add_new_partitions()
            while True:
                if not self._backlog:
                    self._fetch(max(0.0, deadline - time.monotonic()))
                if (found := self._take()) or time.monotonic() >= deadline:
                    return found

    @property
    def unpacking_s(self) -> float:
        """Seconds that polls have spent on unpacking what was fetched."""
        return self._backlog.seconds

    def position(self) -> Position:
        """See `Source`."""
        with translated("tell the position", self._options):
            return self._position_of(self._offsets())

    def seek(self, position: Position) -> None:
        """See `Source`.

        Raises:
            PositionError: it names a partition that is not read here; nothing has changed.
        """
        assigned = self._consumer.assignment()
        for topic, partition, _ in position.items():
            if (topic, partition) not in assigned:
                raise PositionError(f"{topic}[{partition}]: expected a partition that is read here")
        for topic, partition, offset in position.items():
            self._seek(TopicPartition(topic, partition), offset)

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
            for tp in self._partitions():
                self._backlog.forget(tp)
            try:
                self._consumer.close()
            finally:
                self._pool.close()

    def _open(self, start: Position | Literal["earliest", "latest"]) -> None:
        partitions = self._existing_partitions()
        self._seam.watch(self.topics)
        self._consumer.assign(partitions)
        if isinstance(start, Position):
            self._check_known(start, partitions)
            for tp in partitions:
                self._seek(tp, start.get(tp.topic, tp.partition) or 0)
        else:
            at = self.beginning() if start == "earliest" else self.end()
            self.seek(at)

    def _existing_partitions(self) -> list[TopicPartition]:
        found = []
        for topic in self.topics:
            numbers = partitions_of(self._consumer, topic)
            if not numbers:
                raise SourceError(
                    f"topic {topic}: the broker at {self._options.get('bootstrap_servers')} does"
                    " not have it; create it, or correct kafka.topics"
                )
            found += [TopicPartition(topic, n) for n in numbers if self._takes(n)]
        return found

    def _check_known(self, start: Position, partitions: Sequence[TopicPartition]) -> None:
        for topic, partition, _ in start.items():
            ours = topic in self.topics and self._takes(partition)
            if ours and (topic, partition) not in partitions:
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
            for number in self._seam.known_partitions(topic)
            if (topic, number) not in before and self._takes(number)
        )
        if new:
            self._consumer.assign([*sorted(before), *new])
            for tp in new:
                self._seek(tp, 0)
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
            self._seek(tp, max(offset, first))

    def _fetch(self, timeout_s: float) -> None:
        """Put into the backlog what the consumer has or gets in time."""
        if self._failure is not None:
            raise self._failure
        try:
            found = self._consumer.poll(timeout_ms=int(timeout_s * 1000))
        except OffsetOutOfRangeError as error:
            self._step_over(error.args[0])
            return
        except Exception as error:
            failure = lasting(error, self._seam.place(), self._seam.columnar)
            if failure is None:
                raise
            # kafka-python would search the same records for ever if it were asked again.
            self._failure = failure
            raise failure from error
        for tp, items in sorted(found.items()):
            for reader in self._seam.readers(tp, items):
                self._backlog.add(tp, reader)
        if found:
            self._seam.fetch_ahead()

    def _take(self) -> list[RecordBatch]:
        found = self._backlog.take(self._most)
        if not found and (damage := self._backlog.take_damage()):
            tp, offset, error = damage
            self._consumer.seek(tp, offset)
            raise error
        return found

    def _seek(self, tp: TopicPartition, offset: int) -> None:
        self._backlog.forget(tp)
        self._consumer.seek(tp, offset)

    def _offsets(self) -> dict[TopicPartition, int]:
        """Next offsets to hand out, without asking the broker."""
        return {tp: self._offset(tp) for tp in self._partitions()}

    def _offset(self, tp: TopicPartition) -> int:
        waiting = self._backlog.position(tp)
        return self._seam.position(tp) if waiting is None else waiting

    def _partitions(self) -> list[TopicPartition]:
        return sorted(self._consumer.assignment())

    def _position_of(self, offsets: Mapping[TopicPartition, int]) -> Position:
        return Position.of((*tp, offset) for tp, offset in offsets.items())


def _count_of(options: Mapping[str, object], name: str) -> int:
    value = options[name]
    if type(value) is not int or value < 1:
        raise SourceError(f"kafka.options.{name}: expected a whole number from 1 on, got {value!r}")
    return value
