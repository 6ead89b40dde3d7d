"""confluent-kafka: `Consumer.consume`, in batches."""

from __future__ import annotations

from bench.ingest.contestants.confluent_client import open_consumer
from bench.ingest.lap import Lap, Task

__all__ = ["main"]


def main() -> None:
    """Consume until all records are there; print the lap."""
    task = Task.from_command_line()
    lap = Lap(task)
    size = 0
    consumer = open_consumer(task)
    batch = task.options.get("batch", 4096)
    more = True
    while more:
        messages = consumer.consume(batch, 1.0)
        if messages:
            more = lap.add(len(messages))
        if task.check:
            for message in messages:
                lap.saw(message.partition(), 1, message.offset())
                size += len(message.value())
    lap.finish(**({"bytes": size} if task.check else {}))
    consumer.close()


if __name__ == "__main__":
    main()
