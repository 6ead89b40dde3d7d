"""Sending records in batches: as a whole where kafka-python's inside allows it, else one by one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import kafka
from kafka import KafkaProducer

from ingest.kafka import producer_seam
from ingest.kafka.client import close_producer, open_client
from ingest.kafka.record_bytes import read_record
from ingest.kafka.sent import Sent, SentRecords

__all__ = ["BatchProducer"]

log = logging.getLogger("millstream.ingest")


class BatchProducer:
    """Sends encoded records in batches, each in the order of sending, without duplicates by retry.

    Where this kafka-python is not the one that `producer_seam` was made for, it says so once and
    sends records one by one: the same, and slower. Batches whose date the broker refuses go without
    one; records that are sent one by one do not, and the producer is of no more use then.

    Args:
        options: kafka-python's connection options, `bootstrap_servers` among them.
        defaults: options that these may change.

    Raises:
        kafka.errors.KafkaError: the broker cannot be reached.
    """

    def __init__(self, options: Mapping[str, object], defaults: Mapping[str, object]) -> None:
        ours = {"acks": "all", "enable_idempotence": True, "linger_ms": 0}
        self._producer: Any = open_client(KafkaProducer, options, ours, defaults)
        reason = producer_seam.misfit(self._producer)
        self._by_batch = reason is None
        if reason is None:
            producer_seam.undate_refused(self._producer)
        else:
            log.warning(
                "sending letters one by one, which is slower: this kafka-python (%s) is not the one"
                " that batches were made for: %s",
                *(kafka.__version__, reason),
            )

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
            records: each as `record_bytes` has it.

        Raises:
            KafkaError: a record is longer than `max_request_size`, if they are sent one by one.
        """
        if self._by_batch:
            return producer_seam.send_whole(self._producer, topic, partition, records)
        futures = []
        for key, value, headers in map(read_record, records):
            futures.append(self._producer.send(topic, value, key, headers, partition))
        return SentRecords(topic, partition, sum(map(len, records)), futures)

    def close(self) -> None:
        """Release connection and thread; what the broker does not take within 5 s is given up."""
        close_producer(self._producer)
