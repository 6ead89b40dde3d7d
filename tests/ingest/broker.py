"""Writing to and arranging a real broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from ingest import KafkaSource, Position

DEADLINE_S = 60.0
VALUES = [f"v{n}".encode() for n in range(100)]


def at(topic: str, *offsets: int) -> Position:
    """A position of a topic: an offset for each partition."""
    return Position({topic: dict(enumerate(offsets))})


@contextmanager
def admin(servers: str) -> Iterator[Any]:
    """An admin client."""
    client = KafkaAdminClient(bootstrap_servers=servers)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def producer(servers: str, **options: object) -> Iterator[Any]:
    """A producer."""
    made = KafkaProducer(bootstrap_servers=servers, **options)
    try:
        yield made
    finally:
        made.close()


def produce(
    servers: str,
    topic: str,
    values: Sequence[bytes | None],
    partition: int = 0,
    key: Callable[[int], bytes | None] = lambda _: None,
    **options: object,
) -> None:
    """Write values in order to a partition, with timestamps 1000, 1001, ..."""
    with producer(servers, **options) as made:
        sent = [
            made.send(topic, value, key(n), partition=partition, timestamp_ms=1_000 + n)
            for n, value in enumerate(values)
        ]
        made.flush()
        for future in sent:
            future.get(timeout=DEADLINE_S)


def delete_before(servers: str, topic: str, offset: int, partition: int = 0) -> None:
    """Delete the records before an offset."""
    with admin(servers) as client:
        client.delete_records({TopicPartition(topic, partition): offset})


def read_all(
    source: KafkaSource, end: Position | None = None
) -> list[tuple[int, int, bytes | None]]:
    """All (partition, offset, value) up to the end as it is now."""
    end = end or source.end()
    found: list[tuple[int, int, bytes | None]] = []
    deadline = time.monotonic() + DEADLINE_S
    while any((source.position().get(t, p) or 0) < offset for t, p, offset in end.items()):
        assert time.monotonic() < deadline, f"{source.position()} never came to {end}"
        for batch in source.poll(0.5):
            found += [
                (batch.partition, int(batch.offsets[i]), batch.value(i)) for i in range(len(batch))
            ]
    return found


@contextmanager
def opened(
    topics: str | Sequence[str], servers: str, start: Any = "earliest", **options: object
) -> Iterator[KafkaSource]:
    """A source."""
    names = [topics] if isinstance(topics, str) else topics
    settings: Mapping[str, object] = {"bootstrap_servers": servers, **options}
    source = KafkaSource(names, settings, start)
    try:
        yield source
    finally:
        source.close()
