"""A block of a stream: the good rows of a range of offsets, in the order of being given."""

from __future__ import annotations

from collections.abc import Sequence
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

__all__ = ["Block", "in_order", "rest_of"]


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
