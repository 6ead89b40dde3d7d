"""The one place that touches kafka-python's private parts: it takes fetches before they are read.

kafka-python makes an object of each record as it hands a fetch out. Here its `PartitionRecords` is
replaced, on one consumer, by one that hands out the bytes of the fetch with the headers of its
batches. Sessions, positions, leader epochs and metadata stay kafka-python's, and the next fetch is
on its way while this one is decoded. Responses are also received in larger parts and copied less
often: at 4 KiB a call, taking them in would cost more than decoding them.
"""

from __future__ import annotations

import inspect
import itertools
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import kafka
import numpy as np
from kafka import TopicPartition
from kafka.cluster import ClusterMetadata
from kafka.consumer.fetcher import Fetcher
from kafka.consumer.subscription_state import SubscriptionState
from kafka.errors import CorruptRecordError, KafkaConnectionError
from kafka.net.connection import KafkaConnection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.transport import KafkaTCPTransport
from kafka.protocol.consumer import IsolationLevel
from kafka.protocol.frame import KafkaBytes
from kafka.protocol.parser import KafkaProtocol
from kafka.record import MemoryRecords

from ingest.kafka.ahead import AheadReader, DecodePool, Reader
from ingest.kafka.per_record import PerRecordReader
from ingest.wire.batches import scan_batches
from ingest.wire.fetch import Fetch, FetchReader
from ingest.wire.settings import ReadSettings

__all__ = ["Handed", "Seam", "WireRecords", "misfit"]

log = logging.getLogger("millstream.ingest")

RECEIVE_BYTES = 1 << 20
# A smaller fetch is decoded before a thread would have begun.
LARGE_BYTES = 1 << 18
WOULD_BLOCK = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
PARAMETERS = (
    (
        *(Fetcher, "PartitionRecords._unpack_records"),
        ["self", "tp", "records", "key_deserializer", "value_deserializer"],
    ),
    (Fetcher, "send_fetches", ["self"]),
    (SubscriptionState, "position", ["self", "partition"]),
    (ClusterMetadata, "partitions_for_topic", ["self", "topic"]),
    (KafkaConnectionManager, "_build_transport", ["self", "node", "timeout_at"]),
    (KafkaTCPTransport, "_sock_recv", ["self"]),
    (KafkaConnection, "data_received", ["self", "data"]),
    (KafkaProtocol, "_process_response", ["self", "read_buffer"]),
    (KafkaBytes, "read", ["self", "nbytes"]),
    (KafkaBytes, "seek", ["self", "idx"]),
)
STATE = {
    *("fetch_offset", "next_fetch_offset", "leader_epoch", "bytes_read", "records_read"),
    *("isolation_level", "aborted_transactions", "record_iterator", "topic_partition"),
}


class Seam:
    """How a consumer's fetches are read: as they were sent, or record by record.

    Args:
        consumer: a KafkaConsumer that has polled nothing yet; its `poll` gives items for `readers`
            from then on.
        columnar: False to have kafka-python read record by record.
        settings: how fetches are read.
        pool: where large fetches are decoded ahead.

    Attributes:
        columnar: whether fetches are read as they were sent.
    """

    def __init__(
        self, consumer: Any, columnar: bool, settings: ReadSettings, pool: DecodePool
    ) -> None:
        self._consumer = consumer
        self._settings = settings
        self._pool = pool
        reason = misfit(consumer) if columnar else None
        if reason is not None:
            log.warning(
                "reading record by record, which is slower: this kafka-python (%s) is not the one"
                " that columns were made for: %s",
                *(kafka.__version__, reason),
            )
        self.columnar = columnar and reason is None
        if self.columnar:
            consumer._fetcher.PartitionRecords = WireRecords
            manager = consumer._client._manager
            manager._build_transport = partial(_build_transport, manager._build_transport)

    def readers(self, tp: TopicPartition, items: Sequence[Any]) -> Iterator[Reader]:
        """Readers of what `poll` gave of a partition."""
        for handed, group in itertools.groupby(items, lambda item: isinstance(item, Handed)):
            if handed:
                yield from (self._reader(item.fetch) for item in group)
            else:
                with_headers = self._settings.headers
                yield PerRecordReader(tp.topic, tp.partition, list(group), with_headers)

    def fetch_ahead(self) -> None:
        """Ask for what comes next while the last fetch is decoded; `poll` alone often does not."""
        if self.columnar:
            self._consumer._fetcher.send_fetches()

    def watch(self, topics: Sequence[str]) -> None:
        """Keep the metadata of topics fresh, of those of which nothing is read yet, too."""
        cluster: Any = getattr(self._consumer, "_cluster", None)
        if hasattr(cluster, "set_topics"):
            cluster.set_topics(topics)

    def known_partitions(self, topic: str) -> Iterable[int]:
        """The partitions that the metadata have now; the public question may wait for ever."""
        cluster = getattr(self._consumer, "_cluster", self._consumer)
        return cluster.partitions_for_topic(topic) or ()

    def position(self, tp: TopicPartition) -> int:
        """The next offset of a partition that `poll` has not given.

        The public question looks at all partitions each time, and asks the broker about epochs.
        """
        if self.columnar:
            return int(self._consumer._subscription.position(tp).offset)
        return int(self._consumer.position(tp, timeout_ms=0))

    def place(self) -> str:
        """Where kafka-python was in the records when it failed, if it is known."""
        part = getattr(getattr(self._consumer, "_fetcher", None), "_next_partition_records", None)
        tp, offset = getattr(part, "topic_partition", None), getattr(part, "next_fetch_offset", 0)
        return "a partition" if tp is None else f"{tp.topic}[{tp.partition}]@{offset}"

    def _reader(self, fetch: Fetch) -> Reader:
        reader = FetchReader(fetch, self._settings)
        if len(fetch.buffer) < LARGE_BYTES:
            return reader
        return AheadReader(reader, self._pool, self._consumer.config["max_poll_records"])


def misfit(consumer: Any) -> str | None:
    """Why the seam does not fit this kafka-python; None when it does."""
    for owner, name, expected in PARAMETERS:
        part: Any = owner
        for step in name.split("."):
            part = getattr(part, step, None)
        found = part and list(inspect.signature(part).parameters)
        if found != expected:
            return f"{owner.__name__}.{name} takes {found}, not {expected}"
    made = Fetcher.PartitionRecords(0, TopicPartition("", 0), MemoryRecords(b""))
    for part, names in (
        *((MemoryRecords(b""), {"_buffer"}), (made, STATE)),
        (KafkaProtocol(), {"_receiving", "_rbuffer"}),
    ):
        if missing := _missing(part, names):
            return f"{type(part).__name__} has no {', '.join(missing)}"
    fetcher = getattr(consumer, "_fetcher", None)
    if not isinstance(fetcher, Fetcher) or "PartitionRecords" in vars(fetcher):
        return "KafkaConsumer has no _fetcher that looks PartitionRecords up on its class"
    for name, kind in (("_subscription", SubscriptionState), ("_cluster", ClusterMetadata)):
        if not isinstance(getattr(consumer, name, None), kind):
            return f"KafkaConsumer has no {name} of {kind.__name__}"
    manager = getattr(getattr(consumer, "_client", None), "_manager", None)
    if not isinstance(manager, KafkaConnectionManager):
        return "KafkaConsumer has no _client with a _manager of connections"
    return None


def _missing(part: Any, names: set[str]) -> list[str]:
    return sorted(name for name in names if not hasattr(part, name))


class Handed:
    """A fetch in the place of a record; never before the offset that was asked for."""

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self.offset = fetch.offset


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
            last = batches.last()
            self.next_fetch_offset = max(last.last_offset + 1, self.fetch_offset)
            self.leader_epoch = last.leader_epoch
            self.bytes_read = last.end
            self.records_read = batches.records()
        if len(batches) or batches.damage:
            fetched = (tp.topic, tp.partition, self.fetch_offset, buffer, batches)
            yield Handed(Fetch(*fetched, self._aborted()))
        self.drain()

    def _unpack_one_by_one(self, *arguments: Any) -> Iterator[Any]:
        try:
            yield from super()._unpack_records(*arguments)
        except Exception as error:
            # Without this the consumer would ask these records for more, for ever.
            self.drain()
            if isinstance(error, CorruptRecordError):
                raise
            # Whatever codecs and the reading of damaged headers fail with.
            raise CorruptRecordError(f"{type(error).__name__}: {error}") from error

    def _aborted(self) -> list[tuple[int, int]] | None:
        if self.isolation_level != IsolationLevel.READ_COMMITTED:
            return None
        return [(entry.first_offset, entry.producer_id) for entry in self.aborted_transactions]


async def _build_transport(
    original: Callable[..., Awaitable[Any]], node: Any, timeout_at: float | None = None
) -> Any:
    transport = await original(node, timeout_at=timeout_at)
    transport._sock_recv = partial(_receive, transport)
    return transport


def _receive(transport: Any) -> tuple[bytes, Exception | None]:
    """What has come in, and an error: as `KafkaTCPTransport._sock_recv`, in larger parts."""
    parser = transport._protocol.parser
    if "_process_response" not in vars(parser):
        parser._process_response = partial(_process_response, parser._process_response)
    parts, encrypted = [], isinstance(transport._sock, ssl.SSLSocket)
    try:
        if parser._receiving:
            _fill(parser._rbuffer, transport)
        while part := transport._sock.recv(RECEIVE_BYTES):
            parts.append(part)
            # What a decrypted record holds is not seen by who waits for the socket.
            if not encrypted:
                return part, None
    except WOULD_BLOCK:
        return b"".join(parts), None
    except OSError as error:
        log.info("%s: receiving failed: %s", transport, error)
        return b"", KafkaConnectionError(error)
    return b"", KafkaConnectionError("socket disconnected")


def _fill(response: Any, transport: Any) -> None:
    """Receive into a response itself, all but its last byte, with which kafka-python takes it.

    As long as more comes in, the loop that waits for sockets has nothing to do.
    """
    begin = at = response.tell()
    end, sensors = len(response) - 1, transport._protocol._sensors
    try:
        with memoryview(response) as view:
            while at < end and (count := transport._sock.recv_into(view[at:end])):
                at += count
    finally:
        response.seek(at)
        if at > begin and sensors:
            sensors.bytes_received.record(at - begin)


def _process_response(original: Callable[[Any], Any], response: Any) -> Any:
    """Decode a response over its own bytes; `KafkaBytes.read` would copy them twice."""
    response.read = partial(_read, response)
    try:
        return original(response)
    finally:
        # A response that refers to itself would stay until Python next looks for such.
        del response.read


def _read(response: Any, size: int | None = None) -> bytes | memoryview:
    start = response.tell()
    end = len(response) if size is None else min(start + size, len(response))
    response.seek(end)
    rest = memoryview(response)[start:end]
    return rest if size is None else rest.tobytes()
