"""Ours: a backlog drained by the intake into a window of 50,000 rows.

The clock runs until the window is cut, which is after the last record. What the process holds in
memory is noted along the way.
"""

from __future__ import annotations

import time

import psutil

from bench.ingest.lap import Lap, Task
from bench.ingest.schemas import large_schema
from ingest import Intake, JsonDecoder, KafkaSource, NoDeadLetters, SampleSettings, WindowBuilder

__all__ = ["main"]

WINDOW = 50_000
BEHIND = 100_000
LOOK_S = 0.01
NOTES = 20


def main() -> None:
    """Drain the topic; print the lap, with pairs of records and resident bytes."""
    task = Task.from_command_line()
    lap = Lap(task)
    schema = large_schema()
    source = KafkaSource([task.topic], {"bootstrap_servers": task.servers})
    builder = WindowBuilder(
        schema,
        (task.topic,),
        JsonDecoder(schema),
        NoDeadLetters(),
        SampleSettings(seed=1, window=WINDOW),
        source.position(),
    )
    intake = Intake(source, builder, backlog_records=BEHIND)
    memory = psutil.Process().memory_info
    notes: list[tuple[int, float]] = []
    seen = 0
    intake.start()
    while seen < task.records:
        time.sleep(LOOK_S)
        intake.check()
        found = intake.totals().records
        if found == seen or found >= task.records:
            seen = found
            continue
        lap.add(found - seen)
        seen = found
        if seen * NOTES >= (len(notes) + 1) * task.records:
            notes.append((seen, memory().rss / 1e6))
    window = intake.cut()
    lap.add(task.records - lap.total)
    notes.append((task.records, memory().rss / 1e6))
    intake.close()
    source.close()
    counts = window.counts
    lap.finish(rss=notes, rows=len(window.train), decoded=counts.seen - counts.unchecked)


if __name__ == "__main__":
    main()
