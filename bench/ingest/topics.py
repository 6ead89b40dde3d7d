"""The topics of the benchmarks: named by what they hold, written once, kept between runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.ingest.records import make_pool

__all__ = ["PARTITIONS", "Topic", "fill"]

PARTITIONS = 4
LINGER_MS = 5
QUEUED = 500_000
GONE_S = 60.0


@dataclass(frozen=True)
class Topic:
    """A topic; record i lies in partition i % 4, at offset i // 4.

    Attributes:
        kind: of its records, one of `records.KINDS`.
        codec: none, lz4 or zstd.
        records: how many.
        batch_size: bytes of a producer's batch, before compression.
    """

    kind: str
    codec: str
    records: int
    batch_size: int

    @property
    def name(self) -> str:
        """Says all that is in it."""
        return f"{self.title}-b{self.batch_size}-{self.records}"

    @property
    def title(self) -> str:
        """Its name for people."""
        return f"{self.kind}-{self.codec}"


def fill(servers: str, topics: Sequence[Topic]) -> None:
    """Write the topics that the broker does not hold yet."""
    from kafka import KafkaAdminClient
    from kafka.admin import NewTopic

    admin = KafkaAdminClient(bootstrap_servers=servers)
    try:
        for topic in dict.fromkeys(topics):
            if held(servers, topic) == topic.records:
                continue
            if topic.name in admin.list_topics():
                admin.delete_topics([topic.name])
                _until_gone(admin, topic.name)
            admin.create_topics([NewTopic(topic.name, PARTITIONS, 1)])
            began = time.monotonic()
            produce(servers, topic)
            took = time.monotonic() - began
            print(f"wrote {topic.name}: {topic.records:,} records in {took:.0f} s", flush=True)
    finally:
        admin.close()


def held(servers: str, topic: Topic) -> int:
    """The records of the topic that the broker has; 0 when it does not have the topic."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=servers)
    try:
        if topic.name not in consumer.topics():
            return 0
        places = [TopicPartition(topic.name, number) for number in range(PARTITIONS)]
        return sum(consumer.end_offsets(places).values())
    finally:
        consumer.close()


def produce(servers: str, topic: Topic) -> None:
    """Write all records with librdkafka, else with kafka-python, which takes ten times as long.

    Raises:
        RuntimeError: the broker does not have all of them afterwards.
    """
    values = make_pool(topic.kind, topic.records).values
    try:
        _produce_fast(servers, topic, values)
    except ImportError:
        _produce_slowly(servers, topic, values)
    found = held(servers, topic)
    if found != topic.records:
        raise RuntimeError(f"{topic.name}: {found:,} of {topic.records:,} records were written")


def _produce_fast(servers: str, topic: Topic, values: Sequence[bytes]) -> None:
    from confluent_kafka import Producer

    settings = {"compression.type": topic.codec, "batch.size": topic.batch_size}
    settings |= {"linger.ms": LINGER_MS, "queue.buffering.max.messages": QUEUED}
    producer = Producer({"bootstrap.servers": servers, **settings})
    name, count = topic.name, len(values)
    for number in range(topic.records):
        while True:
            try:
                producer.produce(name, values[number % count], partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.05)
    producer.flush()


def _produce_slowly(servers: str, topic: Topic, values: Sequence[bytes]) -> None:
    from kafka import KafkaProducer

    settings = {"batch_size": topic.batch_size, "linger_ms": LINGER_MS}
    codec = None if topic.codec == "none" else topic.codec
    producer = KafkaProducer(bootstrap_servers=servers, compression_type=codec, **settings)
    for number in range(topic.records):
        value = values[number % len(values)]
        producer.send(topic.name, value, partition=number % PARTITIONS)
    producer.flush()
    producer.close()


def _until_gone(admin: object, name: str) -> None:
    deadline = time.monotonic() + GONE_S
    while name in admin.list_topics():  # type: ignore[attr-defined]
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name}: the broker did not delete it in {GONE_S:g} s")
        time.sleep(0.2)
