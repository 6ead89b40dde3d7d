"""A block of a stream: where it ends, and its rows in the order in which they are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.identity import hash64
from ingest.position import Position
from ingest.rows import Rows
from ingest.stream.settings import StreamSettings
from ingest.stream.state import Identity

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Block", "cut", "in_order", "rest_of"]


@dataclass(frozen=True, eq=False)
class Block:
    """The good rows of a range of offsets.

    Attributes:
        start: first offsets.
        end: the offsets after the last ones.
        after: the row that was given last before `rows`; None if they are the whole block.
        rows: in the order in which they are given.
    """

    start: Position
    end: Position
    after: Identity | None
    rows: Rows


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


def in_order(rows: Rows, settings: StreamSettings, epoch: int) -> Rows:
    """Rows that are sorted by identity, in the order of their block."""
    if settings.shuffle is None or len(rows) < 2:
        return rows
    bits = _bits(rows, settings, epoch)
    return rows.take(np.argsort(bits, kind="stable"))


def rest_of(rows: Rows, after: Identity, settings: StreamSettings, epoch: int) -> Rows:
    """The rows, in the order of their block, that come after a row that need not be there."""
    topic, partition, offset = after
    place = int(np.searchsorted(rows.topics, topic))
    known = place < len(rows.topics) and rows.topics[place] == topic
    later = rows.topic > place if known else rows.topic >= place
    same = rows.topic == place if known else np.zeros(len(rows), np.bool_)
    later |= same & (rows.partition > partition)
    later |= same & (rows.partition == partition) & (rows.offset > offset)
    if settings.shuffle is not None:
        mine = hash64(settings.seed, "shuffle", [topic], [0], [partition], [offset], epoch=epoch)[0]
        bits = _bits(rows, settings, epoch)
        later = (bits > mine) | ((bits == mine) & later)
    return rows if later.all() else rows.take(later)


def _bits(rows: Rows, settings: StreamSettings, epoch: int) -> NDArray[np.uint64]:
    identity: Sequence[NDArray[np.int32] | NDArray[np.int64]]
    identity = (rows.topic, rows.partition, rows.offset)
    return hash64(settings.seed, "shuffle", rows.topics, *identity, epoch=epoch)
