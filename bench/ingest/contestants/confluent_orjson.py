"""confluent-kafka and orjson in batches of 4,096, through `from_generator`.

The tensors are those that ours gives: a vector per feature, codes, labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import numpy as np
import orjson
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
    codes = {name: code for code, name in enumerate(CATEGORIES)}
    numbers_of = itemgetter(*FEATURES)

    def generate() -> Iterator[tuple[dict[str, Any], Any]]:
        while messages := consumer.consume(BATCH, 5.0):
            rows = [orjson.loads(message.value()) for message in messages]
            numbers = np.array([numbers_of(row) for row in rows], np.float32)
            features: dict[str, Any] = dict(zip(FEATURES, numbers.T, strict=True))
            features["cat"] = np.array([codes[row["cat"]] for row in rows], np.int32)
            if task.check:
                for message in messages:
                    lap.saw(message.partition(), 1, message.offset())
            yield features, np.array([row["y"] for row in rows], np.int32)

    specs = {name: tf.TensorSpec((None,), tf.float32) for name in FEATURES}
    specs["cat"] = tf.TensorSpec((None,), tf.int32)
    signature = (specs, tf.TensorSpec((None,), tf.int32))
    labels = 0
    for _, label in tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(
        2
    ):
        more = lap.add(int(label.shape[0]))
        if task.check:
            labels += int(label.numpy().sum())
        if not more:
            break
    lap.finish(**({"labels": labels} if task.check else {}))
    consumer.close()


if __name__ == "__main__":
    main()
