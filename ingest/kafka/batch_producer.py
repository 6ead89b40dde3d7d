"""Sending whole batches of records: the one place that touches kafka-python's producer inside.

kafka-python checks, encodes and watches each record by itself, in some 30 microseconds of Python.
Here records come encoded, and a batch of them is put into the producer's queue with one future for
all. Sequence numbers, retries, compression and splitting stay kafka-python's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaTimeoutError
from kafka.producer.future import FutureRecordMetadata
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.record.util import encode_varint

from ingest.kafka.client import open_client

__all__ = ["BatchProducer", "Sent", "varint"]

CLOSE_S = 5.0
BARE = b"\0\0"  # no attributes, and the timestamp of the batch


def varint(number: int) -> bytes:
    """A number as the wire has it, zigzag."""
    if -1 <= number < len(SMALL) - 1:
        return SMALL[number + 1]
    out = bytearray()
    encode_varint(number, out.append)
    return bytes(out)


SMALL: list[bytes] = []
SMALL.extend(varint(number) for number in range(-1, 1 << 12))


class WholeBatch(ProducerBatch):  # type: ignore[misc]
    """A batch whose records get futures of their own only when it has to be split."""

    def __init__(self, partition: Any, records: Any) -> None:
        self.parts: list[Any] | None = None
        super().__init__(partition, records)

    @property
    def _record_futures(self) -> list[Any]:
        if self.parts is None:
            self.parts = [
                FutureRecordMetadata(self.produce_future, index, 0, None, -1, -1, -1)
                for index in range(self.record_count)
            ]
        return self.parts

    @_record_futures.setter
    def _record_futures(self, futures: list[Any]) -> None:
        """None are needed before."""


@dataclass(frozen=True, eq=False)
class Sent:
    """A batch on its way.

    Attributes:
        topic: where to.
        partition: of the topic.
        count: records.
        size: bytes, before compression.
        batch: kafka-python's.
    """

    topic: str
    partition: int
    count: int
    size: int
    batch: Any

    @property
    def is_done(self) -> bool:
        """Whether it is delivered or given up."""
        parts = self.batch.parts
        whole: bool = self.batch.produce_future.is_done
        return whole or (parts is not None and all(part.is_done for part in parts))

    def failures(self, until: float) -> list[BaseException | None]:
        """What the records that were not delivered failed with; None for no answer in time.

        Args:
            until: by `time.monotonic`, when to give up waiting.
        """
        whole = self.batch.produce_future
        whole.wait(max(0.0, until - time.monotonic()))
        if whole.is_done:
            told = whole.value[2]
            return [] if told is None else [told(index) for index in range(self.count)]
        if self.batch.parts is None:
            return [None] * self.count
        failed: list[BaseException | None] = []
        for part in self.batch.parts:
            try:
                part.get(timeout=max(0.0, until - time.monotonic()))
            except Exception as error:  # noqa: BLE001 - whatever kafka-python failed it with
                failed.append(error if part.is_done else None)
        return failed

    def next_offset(self) -> int:
        """The offset after the last of the records, once all are delivered."""
        whole = self.batch.produce_future
        if whole.is_done:
            return int(whole.value[0]) + self.count
        return max(int(part.value.offset) for part in self.batch.parts) + 1


class BatchProducer:
    """Sends encoded records in batches, each in the order of sending, without duplicates by retry.

    Args:
        options: kafka-python's connection options, `bootstrap_servers` among them.
        defaults: options that these may change.

    Raises:
        kafka.errors.KafkaError: the broker cannot be reached.
    """

    def __init__(self, options: Mapping[str, object], defaults: Mapping[str, object]) -> None:
        ours = {"acks": "all", "enable_idempotence": True, "linger_ms": 0}
        self._producer: Any = open_client(KafkaProducer, options, ours, defaults)
        self._accumulator = self._producer._accumulator

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; it is made if the broker makes topics by itself.

        Raises:
            KafkaTimeoutError: there is no such topic.
        """
        return len(self._producer.partitions_for(topic))

    def send(self, topic: str, partition: int, records: Sequence[bytes]) -> Sent:
        """Put a batch into the queue.

        Args:
            topic: has to have the partition.
            partition: where to.
            records: each as on the wire from its key on: key, value and headers with their lengths.
        """
        numbered = (BARE + varint(index) + record for index, record in enumerate(records))
        encoded = b"".join(varint(len(record)) + record for record in numbered)
        whole = TopicPartition(topic, partition)
        batch = WholeBatch(whole, self._filled(encoded, len(records)))
        with self._accumulator._tp_lock(whole):
            self._accumulator._batches[whole].append(batch)
            self._accumulator._incomplete.add(batch)
        self._producer._sender.wakeup()
        return Sent(topic, partition, len(records), len(encoded), batch)

    def _filled(self, encoded: bytes, count: int) -> Any:
        config = self._accumulator.config
        records = MemoryRecordsBuilder(2, config["compression_attrs"], config["batch_size"])
        builder = records._builder
        builder._buffer += encoded
        builder._first_timestamp = builder._max_timestamp = int(time.time() * 1000)
        builder._num_records, builder._last_offset = count, count - 1
        records._next_offset = count
        return records

    def close(self) -> None:
        """Release connection and thread; what the broker does not take within 5 s is given up."""
        try:
            self._producer.close(timeout=CLOSE_S)
        except KafkaTimeoutError:
            self._producer._sender.force_close()
            self._producer._sender.join(CLOSE_S)
            self._producer.close(timeout=CLOSE_S)
