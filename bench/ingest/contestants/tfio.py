"""tensorflow-io: `KafkaGroupIODataset` in batches of 4,096, its fastest way that is public.

Option "by" picks the other way, `IODataset.from_kafka`, one partition after another: of several
such datasets that live in one process at once, all read the partition of the one that was made
last. No batch may be cut short by the end of the topic, where it waits for more. Offsets are not
given, so they are not checked.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import tensorflow as tf
import tensorflow_io as tfio

from bench.ingest.lap import Lap, Task

__all__ = ["main"]

BATCH = 4096


def main() -> None:
    """Iterate over batches until there are enough records; print the lap."""
    task = Task.from_command_line()
    lap = Lap(task)
    size = 0
    by_partition = task.options.get("by") == "partition"
    for values, _ in _by_partition(task) if by_partition else _by_group(task):
        more = lap.add(int(values.shape[0]))
        if task.check:
            size += int(tf.reduce_sum(tf.strings.length(values)))
        if not more:
            break
    lap.finish(**({"bytes": size} if task.check else {}))


def _by_group(task: Task) -> Iterable[Any]:
    dataset = tfio.experimental.streaming.KafkaGroupIODataset(
        topics=[task.topic],
        group_id=f"bench-{uuid.uuid4().hex}",
        servers=task.servers,
        message_poll_timeout=1000,
        configuration=["auto.offset.reset=earliest", "session.timeout.ms=7000"],
    )
    return dataset.batch(BATCH)


def _by_partition(task: Task) -> Iterable[Any]:
    for number in range(task.partitions):
        dataset = tfio.IODataset.from_kafka(task.topic, partition=number, servers=task.servers)
        yield from dataset.batch(BATCH)


if __name__ == "__main__":
    main()
