"""Ours: `ingest.KafkaSource`, record batches as columns."""

from __future__ import annotations

from bench.ingest.lap import Lap, Task
from ingest import KafkaSource

__all__ = ["main"]


def main() -> None:
    """Poll until all records are there; print the lap."""
    task = Task.from_command_line()
    lap = Lap(task)
    size = 0
    source = KafkaSource([task.topic], {"bootstrap_servers": task.servers})
    more = True
    while more:
        batches = source.poll(1.0)
        if batches:
            more = lap.add(sum(len(batch) for batch in batches))
        if task.check:
            for batch in batches:
                lap.saw(batch.partition, len(batch), batch.offsets.sum())
                size += int(batch.value_length.sum())
    lap.finish(**({"bytes": size} if task.check else {}))
    source.close()


if __name__ == "__main__":
    main()
