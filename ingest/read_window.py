"""Reading a recorded window again."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ingest.errors import MissingOffsets
from ingest.position import Gap, Position
from ingest.source import Source
from ingest.window import Window, WindowBuilder

__all__ = ["read_window"]

STALL_S = 30.0


def read_window(
    source: Source, builder: WindowBuilder, end: Position, known_gaps: Sequence[Gap] = ()
) -> Window:
    """The window of exactly the records from the builder's start to `end`.

    Args:
        source: positioned at the builder's start.
        builder: empty.
        end: where to stop; records from it on are left out.
        known_gaps: gaps that were there when the window was read first.

    Raises:
        MissingOffsets: the broker no longer has some of the records, or gives none for 30 s.
    """
    known = set(known_gaps)
    heard = time.monotonic()
    while _behind(source.position(), end):
        for batch in source.poll(1.0):
            limit = end.get(batch.topic, batch.partition)
            fitting = batch.between(0, limit) if limit is not None else None
            if fitting is not None:
                builder.add(fitting)
            heard = time.monotonic()
        missing = [gap for gap in source.take_gaps() if gap not in known and _within(gap, end)]
        if missing:
            raise MissingOffsets(
                "the broker no longer has "
                + ", ".join(f"{g.topic}[{g.partition}] {g.start} to {g.end - 1}" for g in missing)
            )
        if time.monotonic() - heard > STALL_S:
            raise MissingOffsets(f"no record came for {STALL_S:.0f} s before {end} was reached")
    for gap in known_gaps:
        builder.add_gap(gap)
    builder.advance(end)
    return builder.build()


def _behind(position: Position, end: Position) -> bool:
    return any((position.get(t, p) or 0) < offset for t, p, offset in end.items())


def _within(gap: Gap, end: Position) -> bool:
    limit = end.get(gap.topic, gap.partition)
    return limit is not None and gap.start < limit
