"""Ours: `millstream.dataset` in batches of 4,096; with option "packed" from packed structs."""

from __future__ import annotations

import millstream
from bench.ingest.lap import Lap, Task
from bench.ingest.records import PACKED
from bench.ingest.schemas import large_schema, packed_schema
from ingest import PackedDecoder

__all__ = ["main"]

BATCH = 4096


def main() -> None:
    """Iterate over batches until all rows are there; print the lap."""
    task = Task.from_command_line()
    packed = task.options.get("packed", False)
    batches = millstream.dataset(
        task.topic,
        bootstrap_servers=task.servers,
        schema=packed_schema() if packed else large_schema(),
        format=(lambda schema: PackedDecoder(schema, PACKED)) if packed else None,
        batch_size=BATCH,
        end="now",
    )
    lap = Lap(task)
    labels = 0
    for _, label in batches:
        more = lap.add(int(label.shape[0]))
        if task.check:
            labels += int(label.numpy().sum())
        if not more:
            break
    lap.finish(**({"labels": labels} if task.check else {}))
    batches.close()


if __name__ == "__main__":
    main()
