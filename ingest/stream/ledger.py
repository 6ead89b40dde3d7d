"""Which rows of a run were handed out: from a count of rows to a state."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace

from ingest.position import Position
from ingest.stream.block import Block
from ingest.stream.state import Identity, StreamState

__all__ = ["Ledger"]


@dataclass(frozen=True, eq=False)
class Entry:
    """The rows of a block: from the count `first` to the count `last` of the run."""

    block: Block
    first: int
    last: int

    def identity(self, index: int) -> Identity:
        """Of a row, by its place in the block."""
        rows = self.block.rows
        return (
            rows.topics[int(rows.topic[index])],
            int(rows.partition[index]),
            int(rows.offset[index]),
        )


class Ledger:
    """The blocks of one run that were read and not wholly handed out.

    Rows are counted from the beginning of the run; the count comes from where they are handed out,
    so what was read ahead does not matter.

    Args:
        state: where the run begins.
    """

    def __init__(self, state: StreamState) -> None:
        self._state = state
        self._entries: deque[Entry] = deque()
        self._passed = state
        self._read = 0
        self._whole: int | None = None
        self._lock = threading.Lock()

    def add(self, block: Block, given: int) -> None:
        """A block that follows the one before; forgets those before the first `given` rows."""
        with self._lock:
            self._forget(given)
            last = self._read + len(block.rows)
            self._entries.append(Entry(_slim(block), self._read, last))
            self._read = last

    def complete(self, whole: int = 1) -> None:
        """Nothing follows; rows at the end that are fewer than `whole` are not given."""
        with self._lock:
            self._whole = whole

    def state(self, given: int) -> StreamState:
        """Where the run is after its first `given` rows; they never become fewer."""
        with self._lock:
            self._forget(given)
            if not self._entries:
                return self._passed
            entry = self._entries[0]
            count = given - entry.first
            after = entry.identity(count - 1) if count > 0 else entry.block.after
            block = entry.block
            return replace(self._state, block_start=block.start, block_end=block.end, after=after)

    @property
    def is_complete(self) -> bool:
        """Whether nothing follows."""
        return self._whole is not None

    def is_given(self, given: int) -> bool:
        """Whether these are all rows of the run that are given, and no more can come."""
        with self._lock:
            return self._whole is not None and given >= self._read - self._read % self._whole

    def __len__(self) -> int:
        """Blocks that are kept."""
        return len(self._entries)

    def _forget(self, given: int) -> None:
        while self._entries and self._entries[0].last <= given:
            self._passed = self._between(self._entries.popleft().block.end)

    def _between(self, position: Position) -> StreamState:
        return replace(self._state, block_start=position, block_end=position, after=None)


def _slim(block: Block) -> Block:
    """The block without its columns."""
    return replace(block, rows=replace(block.rows, columns={}))
