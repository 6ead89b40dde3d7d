"""Contestants on one thread, taking turns, the median of several laps."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Contestant", "print_table", "race", "timed"]


@dataclass(frozen=True)
class Contestant:
    """One way of offering records to a sample.

    Attributes:
        name: for people.
        prepare: makes ready, untimed, and gives what is timed: a call that offers `count` records
            and says how many the sample then holds.
        count: records of a lap.
    """

    name: str
    prepare: Callable[[], Callable[[], int]]
    count: int


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def race(contestants: Sequence[Contestant], repeats: int) -> dict[str, float]:
    """Records/s by name: each makes itself ready and runs once untimed, then A B C, A B C, ...

    Seconds are those that a core was busy with it: all work is done by the thread that calls.

    Raises:
        RuntimeError: a sample came out empty.
    """
    laps: dict[str, list[float]] = {item.name: [] for item in contestants}
    for number in range(repeats + 1):
        for item in contestants:
            lap = item.prepare()
            began = time.thread_time()
            held = lap()
            seconds = time.thread_time() - began
            if not held:
                raise RuntimeError(f"{item.name}: expected a sample, got no rows")
            if number:
                laps[item.name].append(item.count / seconds)
    return {name: statistics.median(rates) for name, rates in laps.items()}


def print_table(title: str, head: Sequence[str], rows: Mapping[str, Sequence[str]]) -> None:
    """A table for people."""
    table = [list(head), *([name, *cells] for name, cells in rows.items())]
    widths = [max(len(row[place]) for row in table) for place in range(len(head))]
    print(f"\n{title}\n")
    for number, row in enumerate(table):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("| " + " | ".join(cells) + " |")
        if not number:
            bars = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
            print("| " + " | ".join(bars) + " |", flush=True)
