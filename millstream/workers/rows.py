"""Rows of all workers in one file: they meet on the shared disk, not on the wire."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ingest import Rows, Workers
from millstream.workers.together import wait_for_all

__all__ = ["save_rows"]


def save_rows(mine: Rows, path: Path, workers: Workers, join: Callable[[list[Rows]], Rows]) -> None:
    """Write the rows of all workers into one file; all call it.

    Each leaves its part beside the file, and the first worker puts them together.

    Args:
        mine: this worker's rows.
        path: of the file.
        workers: all.
        join: makes one of the parts, which come by rank.
    """
    if workers.rank > 0:
        mine.save(part_of(path, workers.rank))
    wait_for_all(workers)
    if workers.rank == 0:
        others = [part_of(path, rank) for rank in range(1, workers.size)]
        join([mine, *(Rows.load(other) for other in others)]).save(path)
        for other in others:
            other.unlink()


def part_of(path: Path, rank: int) -> Path:
    """Where a worker leaves its rows."""
    return path.with_name(f"{path.stem}-{rank}.part")
