"""confluent-kafka as most people write it: poll, json, a row at a time, `from_generator`, batch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from bench.ingest.contestants.confluent_client import open_consumer
from bench.ingest.lap import Lap, Task
from bench.ingest.records import CATEGORIES, FEATURES

__all__ = ["main"]

BATCH = 4096


def main() -> None:
    """Iterate over batches until all rows are there; print the lap."""
    task = Task.from_command_line()
    lap = Lap(task)
    consumer = open_consumer(task)

    def generate() -> Iterator[tuple[dict[str, Any], Any]]:
        while message := consumer.poll(5.0):
            row = json.loads(message.value())
            features = {name: row[name] for name in FEATURES}
            features["cat"] = CATEGORIES.index(row["cat"])
            yield features, row["y"]

    specs = {name: tf.TensorSpec((), tf.float32) for name in FEATURES}
    specs["cat"] = tf.TensorSpec((), tf.int32)
    signature = (specs, tf.TensorSpec((), tf.int32))
    rows = tf.data.Dataset.from_generator(generate, output_signature=signature)
    labels = 0
    for _, label in rows.take(task.records).batch(BATCH).prefetch(2):
        more = lap.add(int(label.shape[0]))
        if task.check:
            labels += int(label.numpy().sum())
        if not more:
            break
    lap.finish(**({"labels": labels} if task.check else {}))
    consumer.close()


if __name__ == "__main__":
    main()
