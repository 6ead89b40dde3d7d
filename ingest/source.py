"""Where record batches come from."""

from __future__ import annotations

from typing import Protocol

from ingest.position import Gap, Position
from ingest.records import RecordBatch

__all__ = ["Source"]


class Source(Protocol):
    """A stream of record batches with explicit positions.

    Guarantee: from any position on, each record that still exists is given exactly once, in offset
    order within its partition; what exists no longer is told by `take_gaps`. The position is the
    next offset to read, and moves only over what `poll` has returned, over offsets that hold no
    record for a reader (compaction, transaction markers, aborted transactions), and over gaps.
    Not for use by several threads at once.
    """

    def poll(self, timeout_s: float) -> list[RecordBatch]:
        """The next batches; waits up to `timeout_s` for the first, and may return none."""

    def position(self) -> Position:
        """The next offset to read, for every partition."""

    def seek(self, position: Position) -> None:
        """Go on reading at a position; partitions that it does not name stay where they are."""

    def beginning(self) -> Position:
        """The first offset that still exists, per partition."""

    def end(self) -> Position:
        """The offset after the last record that can be read now, per partition."""

    def take_gaps(self) -> tuple[Gap, ...]:
        """The gaps that were met since the last call."""

    def close(self) -> None:
        """Release connections and threads; harmless when repeated."""
