"""What every contestant is told, and how every contestant is timed.

A contestant is a module with `main`, run by `python -m` with a task as its only argument; it prints
a line of JSON. The clock starts when the first records are in hand and stops when the last are:
the records that came first are not counted, nor is the time until they came. So importing,
connecting, compiling and joining a group are left out, the same way for all.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Lap", "Task"]


@dataclass(frozen=True)
class Task:
    """What to read.

    Attributes:
        servers: of the broker.
        topic: to read, from its beginning.
        records: to stop after.
        partitions: of the topic.
        check: also look at offsets and contents; such a lap is not timed.
        options: of the contestant.
    """

    servers: str
    topic: str
    records: int
    partitions: int
    check: bool
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_command_line(cls) -> Task:
        """The task that the harness gave."""
        return cls(**json.loads(sys.argv[1]))


class Lap:
    """Counts records and takes the time."""

    def __init__(self, task: Task) -> None:
        self._wanted = task.records
        self._first = 0
        self._began = self._ended = 0.0
        self.total = 0
        self.offsets: dict[int, tuple[int, int]] = {}
        self.facts: dict[str, Any] = {}

    def add(self, count: int) -> bool:
        """Records that are in hand now; True while more are wanted."""
        self._ended = time.perf_counter()
        if not self.total:
            self._began, self._first = self._ended, count
        self.total += count
        return self.total < self._wanted

    def saw(self, partition: int, count: int, offset_sum: int) -> None:
        """Offsets that were read, when they are checked."""
        counted, summed = self.offsets.get(partition, (0, 0))
        self.offsets[partition] = (counted + int(count), summed + int(offset_sum))

    def finish(self, **facts: object) -> None:
        """Print the result; facts are what the contestant knows besides."""
        print(
            json.dumps(
                {
                    "records": self.total,
                    "timed": self.total - self._first,
                    "seconds": self._ended - self._began,
                    "offsets": {str(place): pair for place, pair in self.offsets.items()},
                    **self.facts,
                    **facts,
                }
            ),
            flush=True,
        )
