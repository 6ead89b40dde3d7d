"""kafka-python as it comes: `KafkaConsumer.poll`, an object per record.

It gets our own source's fetch sizes, and as many records a poll, which is faster than its defaults.
"""

from __future__ import annotations

from kafka import KafkaConsumer, TopicPartition

from bench.ingest.lap import Lap, Task

__all__ = ["main"]

SETTINGS = {
    "max_poll_records": 20_000,
    "fetch_max_bytes": 32 << 20,
    "max_partition_fetch_bytes": 4 << 20,
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
}


def main() -> None:
    """Poll until all records are there; print the lap."""
    task = Task.from_command_line()
    lap = Lap(task)
    size = 0
    consumer = KafkaConsumer(bootstrap_servers=task.servers, **SETTINGS)
    consumer.assign([TopicPartition(task.topic, number) for number in range(task.partitions)])
    more = True
    while more:
        found = consumer.poll(1000)
        if found:
            more = lap.add(sum(len(records) for records in found.values()))
        if task.check:
            for place, records in found.items():
                lap.saw(place.partition, len(records), sum(record.offset for record in records))
                size += sum(len(record.value) for record in records)
    lap.finish(**({"bytes": size} if task.check else {}))
    consumer.close()


if __name__ == "__main__":
    main()
