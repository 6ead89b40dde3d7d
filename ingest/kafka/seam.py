"""The one place that touches kafka-python's private parts: it takes fetches before they are read.

kafka-python makes an object of each record as it hands a fetch out. Here its `PartitionRecords` is
replaced, on one consumer, by one that hands out the bytes of the fetch with the headers of its
batches. Sessions, positions, leader epochs and metadata stay kafka-python's, and the next fetch is
on its way while this one is decoded.
"""

from __future__ import annotations

import inspect
import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import kafka
import numpy as np
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.protocol.consumer import IsolationLevel
from kafka.record import MemoryRecords

from ingest.kafka.backlog import Reader
from ingest.kafka.per_record import PerRecordReader
from ingest.wire.batches import scan_batches
from ingest.wire.fetch import Fetch, FetchReader
from ingest.wire.settings import ReadSettings

__all__ = ["Handed", "Seam", "WireRecords", "misfit"]

log = logging.getLogger("millstream.ingest")

UNPACK = ["self", "tp", "records", "key_deserializer", "value_deserializer"]
STATE = {
    *("fetch_offset", "next_fetch_offset", "leader_epoch", "bytes_read", "records_read"),
    *("isolation_level", "aborted_transactions", "record_iterator", "topic_partition"),
}


class WireRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """One partition's part of a fetch, handed out as one `Fetch` instead of as records.

    The position moves over the whole fetch at once. What is counted for kafka-python's metrics are
    the bytes as they were sent, and the records that the headers of the batches tell. Fetches with
    messages of format 0 or 1 are read by kafka-python, record by record.
    """

    def _unpack_records(
        self, tp: Any, records: Any, key_deserializer: Any, value_deserializer: Any
    ) -> Iterator[Any]:
        buffer = memoryview(records._buffer).toreadonly()
        batches = scan_batches(np.frombuffer(buffer, np.uint8))
        if batches.legacy:
            yield from self._unpack_one_by_one(tp, records, key_deserializer, value_deserializer)
            return
        if len(batches):
            self.next_fetch_offset = max(batches.next_offset, self.fetch_offset)
            self.leader_epoch = int(batches.leader_epoch[-1])
            self.bytes_read = int(batches.end[-1])
            self.records_read = int(batches.count.sum())
        if len(batches) or batches.damage:
            yield Handed(
                Fetch(tp.topic, tp.partition, self.fetch_offset, buffer, batches, self._aborted())
            )
        self.drain()

    def _unpack_one_by_one(self, *arguments: Any) -> Iterator[Any]:
        try:
            yield from super()._unpack_records(*arguments)
        except Exception:
            # Without this the consumer would ask these records for more, for ever.
            self.drain()
            raise

    def _aborted(self) -> list[tuple[int, int]] | None:
        if self.isolation_level != IsolationLevel.READ_COMMITTED:
            return None
        return [(entry.first_offset, entry.producer_id) for entry in self.aborted_transactions]


class Handed:
    """A fetch in the place of a record; never before the offset that was asked for."""

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self.offset = fetch.offset


class Seam:
    """How a consumer's fetches are read: as they were sent, or record by record.

    Args:
        consumer: a KafkaConsumer that has polled nothing yet; its `poll` gives items for `readers`
            from then on.
        columnar: False to have kafka-python read record by record.
        settings: how fetches are read.
    """

    def __init__(self, consumer: Any, columnar: bool, settings: ReadSettings) -> None:
        self._consumer = consumer
        self._settings = settings
        reason = misfit(consumer) if columnar else None
        if reason is not None:
            log.warning(
                "reading record by record, which is slower: this kafka-python (%s) is not the one"
                " that columns were made for: %s",
                *(kafka.__version__, reason),
            )
        elif columnar:
            consumer._fetcher.PartitionRecords = WireRecords

    def readers(self, tp: TopicPartition, items: Sequence[Any]) -> Iterator[Reader]:
        """Readers of what `poll` gave of a partition."""
        for handed, group in itertools.groupby(items, lambda item: isinstance(item, Handed)):
            if handed:
                yield from (FetchReader(item.fetch, self._settings) for item in group)
            else:
                yield PerRecordReader(tp.topic, tp.partition, list(group), self._settings.headers)

    def known_partitions(self, topic: str) -> Iterable[int]:
        """The partitions that the metadata have now; the public question may wait for ever."""
        return self._consumer._cluster.partitions_for_topic(topic) or ()


def misfit(consumer: Any) -> str | None:
    """Why the seam does not fit this kafka-python; None when it does."""
    fetcher = getattr(consumer, "_fetcher", None)
    if not isinstance(fetcher, Fetcher):
        return "KafkaConsumer has no _fetcher of type Fetcher"
    plain = getattr(Fetcher, "PartitionRecords", None)
    if fetcher.PartitionRecords is not plain:
        return "Fetcher.PartitionRecords is not looked up on the class"
    found = list(inspect.signature(plain._unpack_records).parameters)
    if found != UNPACK:
        return f"PartitionRecords._unpack_records takes {found}, not {UNPACK}"
    if not hasattr(MemoryRecords(b""), "_buffer"):
        return "MemoryRecords has no _buffer"
    made = plain(0, ("", 0), MemoryRecords(b""))
    if missing := sorted(STATE - vars(made).keys()):
        return f"PartitionRecords has no {', '.join(missing)}"
    made.drain()
    return None
