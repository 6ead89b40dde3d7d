"""Reading a recorded window again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from ingest.errors import MissingOffsets
from ingest.position import Gap, OffsetRange, Position
from ingest.source import Source
from ingest.window import Window
from ingest.window_builder import WindowBuilder

__all__ = ["lost_offsets", "read_window"]

STALL_S = 30.0
POLL_S = 1.0


def read_window(
    source: Source,
    builder: WindowBuilder,
    end: Position,
    known_gaps: Sequence[Gap] = (),
    *,
    check_all: bool = True,
) -> Window:
    """The window of exactly the records from the builder's start to `end`.

    Its samples equal those of the window that was cut there first, unless the topic was compacted
    in between; so do its counts if both decoded every record.

    Args:
        source: positioned at the builder's start.
        builder: empty.
        end: where to stop; records from it on are left out.
        known_gaps: gaps that were there when the window was read first.
        check_all: decode every record, not only those that could enter a sample.

    Raises:
        MissingOffsets: the broker no longer has some of the records, or gives none for 30 s.
    """
    start = builder.start
    _refuse(lost_offsets(start, end, source.beginning(), source.end(), known_gaps))
    heard, position = time.monotonic(), source.position()
    while _behind(position, end):
        batches = source.poll(POLL_S)
        limits = ((batch, end.get(batch.topic, batch.partition) or 0) for batch in batches)
        fitting = [part for batch, limit in limits if (part := batch.between(0, limit))]
        gaps = [clip for gap in source.take_gaps() if (clip := _clip(gap, end))]
        _refuse([part for gap in gaps for part in _without(gap, known_gaps)])
        builder.add_all(fitting, gaps, check_all=check_all)
        if source.position() != position:
            heard, position = time.monotonic(), source.position()
        elif time.monotonic() - heard > STALL_S:
            raise MissingOffsets(f"no record came for {STALL_S:.0f} s before {end} was reached")
    builder.advance(end)
    return builder.build()


def lost_offsets(
    start: Position, end: Position, first: Position, last: Position, known_gaps: Sequence[Gap] = ()
) -> list[OffsetRange]:
    """What of a window the broker no longer has, as far as the ends of its partitions tell.

    Args:
        start: of the window.
        end: of the window.
        first: where the partitions begin now.
        last: where they end now.
        known_gaps: gaps that were there when the window was read first.
    """
    gaps = [*_trimmed(start, first, end), *_beyond(last, end)]
    return [part for gap in gaps for part in _without(gap, known_gaps)]


def _behind(position: Position, end: Position) -> bool:
    return any((position.get(t, p) or 0) < offset for t, p, offset in end.items())


def _trimmed(start: Position, beginning: Position, end: Position) -> Iterator[Gap]:
    """What the broker has deleted from the front of the window."""
    for topic, partition, offset in end.items():
        first = start.get(topic, partition) or 0
        kept = beginning.get(topic, partition)
        if kept is not None and first < min(kept, offset):
            yield Gap(topic, partition, first, min(kept, offset))


def _beyond(last: Position, end: Position) -> Iterator[Gap]:
    """What the window has and the broker's partitions are too short for."""
    for topic, partition, offset in end.items():
        if (have := last.get(topic, partition) or 0) < offset:
            yield Gap(topic, partition, have, offset)


def _clip(gap: Gap, end: Position) -> Gap | None:
    limit = min(gap.end, end.get(gap.topic, gap.partition) or 0)
    return Gap(gap.topic, gap.partition, gap.start, limit) if gap.start < limit else None


def _refuse(missing: Sequence[OffsetRange]) -> None:
    """Raise for offsets that should be there."""
    if missing:
        ranges = ", ".join(f"{m.topic}[{m.partition}] {m.start} to {m.end - 1}" for m in missing)
        raise MissingOffsets(
            f"the broker no longer has offsets {ranges}; a longer retention of the topic keeps"
            " records for replays"
        )


def _without(gap: Gap, known: Sequence[Gap]) -> Iterator[OffsetRange]:
    start = gap.start
    for other in sorted(known, key=lambda g: g.start):
        if (other.topic, other.partition) == (gap.topic, gap.partition) and other.end > start:
            if other.start > start:
                yield OffsetRange(gap.topic, gap.partition, start, min(other.start, gap.end))
            start = max(start, other.end)
            if start >= gap.end:
                return
    yield OffsetRange(gap.topic, gap.partition, start, gap.end)
