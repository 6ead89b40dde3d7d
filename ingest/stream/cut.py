"""Where the next block of a stream ends."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.position import Position

__all__ = ["cut"]


def cut(at: Position, end: Position, rows: int) -> Position:
    """The end of the block that begins at `at`: about `rows` offsets, the same share of each range.

    A function of its arguments alone, so a reader that begins anew at the end of any block cuts
    all later blocks as one that never stopped. Partitions come to their ends together, however
    different their lengths are, so rows stay about in the order of time.

    Args:
        at: first offsets; a partition that it does not name begins at 0.
        end: the offsets after the last ones; other partitions are not read.
        rows: at least 1.

    Returns:
        A position of the partitions of `end`, not after it. At most `rows` offsets, and up to one
        more per partition, lie before it; at least one in each partition that is not at its end.
    """
    total = sum(max(0, last - (at.get(topic, part) or 0)) for topic, part, last in end.items())

    def until() -> Iterator[tuple[str, int, int]]:
        for topic, partition, last in end.items():
            first = at.get(topic, partition) or 0
            left = max(0, last - first)
            yield topic, partition, first + (left if total <= rows else -(-left * rows // total))

    return Position.of(until())
