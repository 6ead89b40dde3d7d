"""What was read and is in no window yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingest.fair_share import fair_share
from ingest.position import Gap, Position
from ingest.records import RecordBatch

__all__ = ["Portion", "Waiting"]

# A partition whose broker is silent must not keep the others waiting, nor fill the memory.
MOST_BYTES = 64 << 20
MOST_EMPTY_READS = 5


@dataclass(frozen=True)
class Portion:
    """What a window takes next, and the position after it."""

    batches: Sequence[RecordBatch]
    gaps: Sequence[Gap]
    position: Position

    def __bool__(self) -> bool:
        return bool(self.batches or self.gaps)


class Waiting:
    """Hands out what was read, each record once, in the order of its partition.

    What has room in the window is handed out at once. Of more, every partition gives its
    `fair_share` of all that waits in the topics, however much of it was read first: until then,
    what was read of the others is kept. That ends early when `MOST_BYTES` are kept, or when
    several reads in a row brought nothing; then what was read is shared.

    Args:
        position: of the source, which has given nothing yet.
    """

    def __init__(self, position: Position) -> None:
        self._parts: dict[tuple[str, int], deque[RecordBatch | Gap]] = {}
        self._read = position
        self._goal: Position | None = None
        self._empty_reads = 0

    def add(self, batches: Sequence[RecordBatch], gaps: Sequence[Gap], position: Position) -> None:
        """Keep what a source gave in one poll, and its position afterwards."""
        came = bool(batches or gaps or position != self._read)
        self._empty_reads = 0 if came else self._empty_reads + 1
        self._read = position
        parts: list[RecordBatch | Gap] = [*batches, *gaps]
        for part in sorted(parts, key=_start):
            self._parts.setdefault((part.topic, part.partition), deque()).append(part)

    def begin(self) -> None:
        """A new window begins: it shares anew."""
        self._goal = None

    def take(self, at: Position, end: Position, room: int) -> Portion:
        """The next portion, which may be empty.

        Args:
            at: where the last portion ended, or everything begins.
            end: of the topics, as far as it is known.
            room: records that the window still takes.
        """
        end = _furthest((at, end, self._read))
        at = Position.of((t, p, at.get(t, p) or 0) for t, p, _ in end.items())
        if at.records_to(end) <= room:
            self._goal = None
            return self._up_to(end)
        if self._is_stuck():
            self._goal = fair_share(at, _furthest((at, self._read)), room)
        elif self._goal is None or at.records_to(self._goal) == 0:
            self._goal = fair_share(at, end, room)
        return self._up_to(self._goal)

    def _is_stuck(self) -> bool:
        batches = (part for parts in self._parts.values() for part in parts)
        kept = sum(len(part.buffer) for part in batches if isinstance(part, RecordBatch))
        return kept > MOST_BYTES or self._empty_reads >= MOST_EMPTY_READS

    def _up_to(self, goal: Position) -> Portion:
        batches: list[RecordBatch] = []
        gaps: list[Gap] = []
        for (topic, partition), parts in self._parts.items():
            limit = goal.get(topic, partition) or 0
            while parts and _start(parts[0]) < limit:
                part = parts.popleft()
                if isinstance(part, Gap):
                    gaps.append(part)
                    continue
                batches += [found for found in [part.between(0, limit)] if found]
                if (rest := part.between(limit, part.next_offset)) is not None:
                    parts.appendleft(rest)
        return Portion(batches, gaps, self._position())

    def _position(self) -> Position:
        """The next offset to hand out, per partition."""
        kept = {key: _start(parts[0]) for key, parts in self._parts.items() if parts}
        return Position.of((t, p, kept.get((t, p), o)) for t, p, o in self._read.items())


def _start(part: RecordBatch | Gap) -> int:
    return part.start if isinstance(part, Gap) else int(part.offsets[0])


def _furthest(positions: Iterable[Position]) -> Position:
    """The largest offset of each partition that one of them knows."""
    offsets: dict[tuple[str, int], int] = {}
    for position in positions:
        for topic, partition, offset in position.items():
            offsets[topic, partition] = max(offset, offsets.get((topic, partition), 0))
    return Position.of((t, p, offset) for (t, p), offset in offsets.items())
