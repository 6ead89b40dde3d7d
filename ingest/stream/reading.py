"""The blocks of one run of a stream, as its thread reads them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from ingest.errors import SourceError
from ingest.position import Position
from ingest.source import Source
from ingest.stream.block import Block, cut, in_order, rest_of
from ingest.stream.decoding import Decoding
from ingest.stream.range_reader import RangeReader
from ingest.stream.settings import StreamSettings
from ingest.stream.state import StreamState

__all__ = ["Reading"]

log = logging.getLogger("millstream.ingest")

ASK_S = 1.0


class Reading:
    """Reads and decodes one block after another, from a state on.

    Args:
        settings: of the stream.
        decoding: makes rows of records.
        state: where to begin.
    """

    def __init__(self, settings: StreamSettings, decoding: Decoding, state: StreamState) -> None:
        self._settings = settings
        self._decoding = decoding
        self._state = state
        self._known = Position()
        self._asked = -ASK_S

    def blocks(self, source: Source, check: Callable[[], None]) -> Iterator[Block]:
        """The rest of the block that the state is in, and all blocks after it.

        Args:
            source: at the start of the state's block.
            check: may raise to end the reading.
        """
        settings, state = self._settings, self._state
        reader = RangeReader(source, settings.takes, settings.block_bytes, settings.stall_s, check)
        at = state.block_start
        if state.block_end != at:
            yield self._block(reader, at, state.block_end, exact=True)
            at = state.block_end
        while (end := state.end or self._horizon(reader, at)) is not None and _is_ahead(at, end):
            block = self._block(reader, at, cut(at, end, settings.rows), exact=False)
            at = block.end
            yield block

    def _horizon(self, reader: RangeReader, at: Position) -> Position | None:
        """Offsets up to which an unbounded stream can be read now; None when it was idle."""
        since = time.monotonic()
        while True:
            known = _later(self._known, reader.position())
            if _is_ahead(at, known):
                return known
            now = time.monotonic()
            idle = self._settings.idle_s
            if idle is not None and now - since > idle:
                return None
            if now - self._asked > ASK_S:
                self._asked = now
                self._ask(reader)
            else:
                reader.poll()

    def _ask(self, reader: RangeReader) -> None:
        try:
            self._known = reader.end()
        except SourceError as error:
            log.warning("the end of the topics is unknown: %s", error)

    def _block(self, reader: RangeReader, start: Position, end: Position, exact: bool) -> Block:
        budget = None if exact else self._settings.block_bytes
        reached, batches = reader.read(start, end, budget)
        self._decoding.counts.gaps += reader.take_gaps()
        rows = in_order(self._decoding.rows(batches), self._settings, self._state.epoch)
        after = self._state.after if exact else None
        if after is not None:
            rows = rest_of(rows, after, self._settings, self._state.epoch)
        return Block(start, reached, after, rows)


def _is_ahead(at: Position, end: Position) -> bool:
    """Whether there is something to read between two positions."""
    return any(offset > (at.get(t, p) or 0) for t, p, offset in end.items())


def _later(one: Position, other: Position) -> Position:
    """Per partition the later of two offsets."""
    found: dict[tuple[str, int], int] = {}
    for topic, partition, offset in (*one.items(), *other.items()):
        found[topic, partition] = max(offset, found.get((topic, partition), 0))
    return Position.of((*part, offset) for part, offset in found.items())
