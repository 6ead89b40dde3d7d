"""What the workers of a run do as one: decide, wait for each other, share out partitions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ingest import Position, Workers
from millstream.errors import WorkersError

__all__ = ["check_same", "from_chief", "own_part", "owns", "wait_for_all", "whole_position"]


def owns(workers: Workers) -> Callable[[int], bool]:
    """Tells whether partitions of a number are this worker's."""
    rank, size = workers.rank, workers.size
    return lambda partition: partition % size == rank


def own_part(position: Position, workers: Workers) -> Position:
    """What a position says of this worker's partitions."""
    mine = owns(workers)
    return Position.of(item for item in position.items() if mine(item[1]))


def whole_position(position: Position, workers: Workers) -> Position:
    """The positions of all workers, each of which knows its own partitions; all call it."""
    whole = Position()
    for data in workers.gather(json.dumps(position.to_json()).encode()):
        whole = whole.advance_all(Position.from_json(json.loads(data)))
    return whole


def wait_for_all(workers: Workers) -> None:
    """Return when all workers have come here."""
    if workers.size > 1:
        workers.gather(b"")


def from_chief(value: Any, workers: Workers) -> Any:
    """What the first worker gives, as plain data; of the others it does not matter."""
    if workers.size == 1:
        return value
    told = json.dumps(value).encode() if workers.rank == 0 else b""
    return json.loads(workers.gather(told)[0])


def check_same(what: str, value: str, workers: Workers) -> None:
    """Check that all workers have the same.

    Raises:
        WorkersError: they do not; says what each has.
    """
    if workers.size == 1:
        return
    found = [data.decode() for data in workers.gather(value.encode())]
    if len(set(found)) > 1:
        told = ", ".join(f"worker {rank} has {each[:16]}" for rank, each in enumerate(found))
        raise WorkersError(
            f"{what}: expected the same on all workers, but {told}; all of them need one"
            " configuration, one service.state_dir that they share, and the same libraries"
        )
