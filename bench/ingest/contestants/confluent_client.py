"""A consumer of confluent-kafka's on a whole topic, with the library's own defaults."""

from __future__ import annotations

from typing import Any

from bench.ingest.lap import Task

__all__ = ["open_consumer"]


def open_consumer(task: Task) -> Any:
    """Assigned to all partitions from their beginning; no group is joined, nothing is committed."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    settings = {"bootstrap.servers": task.servers, "group.id": "bench", "enable.auto.commit": False}
    consumer = Consumer({**settings, **task.options.get("settings", {})})
    places = range(task.partitions)
    consumer.assign([TopicPartition(task.topic, place, OFFSET_BEGINNING) for place in places])
    return consumer
