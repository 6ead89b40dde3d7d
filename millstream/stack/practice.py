"""What a broker does while it practises: what most people begin with, until it has ended."""

from __future__ import annotations

import os
import signal
import time
from itertools import islice
from typing import TYPE_CHECKING

from millstream.errors import StackError

if TYPE_CHECKING:
    from millstream.stack.kafka import EmbeddedKafka

__all__ = ["practise"]

TOPIC = "practice"
RECORDS = 1000
READ_TIMEOUT_MS = 10_000
END_TIMEOUT_S = 120.0
POLL_S = 0.05


def practise(broker: EmbeddedKafka) -> None:
    """Write records, read them in a group, and wait for an end in peace, which takes seconds.

    Raises:
        StackError: the broker has not ended in two minutes, or does not serve.
    """
    from kafka import KafkaConsumer, KafkaProducer
    from kafka.errors import KafkaError

    try:
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
        for _ in range(RECORDS):
            producer.send(TOPIC, b"one of many")
        producer.close()
        consumer = KafkaConsumer(
            TOPIC,
            bootstrap_servers=broker.bootstrap_servers,
            group_id=TOPIC,
            auto_offset_reset="earliest",
            consumer_timeout_ms=READ_TIMEOUT_MS,
        )
        list(islice(consumer, RECORDS))
        consumer.close()
    except KafkaError as error:
        raise StackError(f"a broker that practised did not serve: {error}") from error
    _end(broker)


def _end(broker: EmbeddedKafka) -> None:
    deadline = time.monotonic() + END_TIMEOUT_S
    if broker.pid is not None:
        os.kill(broker.pid, signal.SIGTERM)
    while broker.running:
        if time.monotonic() > deadline:
            raise StackError("a broker that practised did not end")
        time.sleep(POLL_S)
