"""A stream of rows: runs over the same range, and the state of what was given."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

from ingest.dead_letters import DeadLetters
from ingest.formats.decoder import Decoder
from ingest.position import Position
from ingest.rows import Rows
from ingest.source import Source
from ingest.stream.block import Block
from ingest.stream.decoding import Decoding, StreamCounts
from ingest.stream.ledger import Ledger
from ingest.stream.read_ahead import ReadAhead
from ingest.stream.reading import Reading
from ingest.stream.settings import StreamSettings
from ingest.stream.state import StreamState

__all__ = ["Run", "Stream", "StreamParts"]

BEAT_S = 0.2
DEPTH = 2
KEPT = 8


@dataclass(frozen=True)
class StreamParts:
    """What a stream is made of.

    Attributes:
        open_source: opens a source at a position.
        decoder: of the records; threads of several runs may use it.
        open_letters: opens the place for the bad records of one run.
        lettered: per topic and partition, up to where bad records were sent there.
    """

    open_source: Callable[[Position], Source]
    decoder: Decoder
    open_letters: Callable[[], DeadLetters]
    lettered: dict[tuple[str, int], int] = field(default_factory=dict)


class Run:
    """One pass over a stream, from where the stream begins.

    Args:
        number: from 1, one more than that of the run before.
        settings: of the stream.
        parts: of the stream.
        state: where to begin.
        given: see `Stream`.
    """

    def __init__(
        self,
        number: int,
        settings: StreamSettings,
        parts: StreamParts,
        state: StreamState,
        given: Callable[[], tuple[int, int]],
    ) -> None:
        self.number = number
        self.begin = state
        self.counts = StreamCounts()
        self.ledger = Ledger(state)
        self.failure: BaseException | None = None
        self.is_closed = False
        self._whole = settings.whole
        self._given = given
        self._ahead = ReadAhead(partial(_blocks, settings, parts, state, self.counts), DEPTH)

    def rows(self) -> Generator[Rows | None, None, None]:
        """The rows of one block after another; None each time that none came for a while.

        Raises:
            IngestError: reading failed.
        """
        try:
            for block in self._ahead.items(BEAT_S):
                if block is not None:
                    number, rows = self._given()
                    self.ledger.add(block, rows if number == self.number else 0)
                yield None if block is None else block.rows
            if not self.is_closed:
                self.ledger.complete(self._whole)
        except Exception as error:
            self.failure = error
            raise
        finally:
            self.close()

    def close(self) -> None:
        """End its thread and release its source; harmless when repeated."""
        self.is_closed = True
        self._ahead.close()


class Stream:
    """Rows of some topics, from a state on, as often as one likes.

    Guarantee: a run gives each good record of the range once, in an order that depends on the
    range, the records and the settings alone. A run that begins at a state gives what the run that
    the state is of had not given yet, in the same order.

    Each run begins at the same place, until all rows of one that began there were given: the next
    run is then the next epoch of the range, or goes on where an unbounded stream had become idle.
    A run that is closed before its end was not given whole.

    Args:
        settings: what decides rows and order.
        parts: where they come from.
        start: where the first run begins.
        given: tells what was handed out last: the number of the run, and how many of its rows were
            handed out by then.
    """

    def __init__(
        self,
        settings: StreamSettings,
        parts: StreamParts,
        start: StreamState,
        given: Callable[[], tuple[int, int]],
    ) -> None:
        self._settings = settings
        self._parts = parts
        self._start = start
        self._given = given
        self._runs: dict[int, Run] = {}
        self._last = 0
        self._lock = threading.Lock()

    def start_run(self) -> Run:
        """Begin to read. Close the run when it is not wanted any more."""
        with self._lock:
            self._start = self._next_start()
            self._last += 1
            run = Run(self._last, self._settings, self._parts, self._start, self._given)
            self._runs = {n: other for n, other in self._runs.items() if self._may_give(other)}
            self._runs[self._last] = run
            return run

    def state(self) -> StreamState:
        """Where the stream is after the rows that were handed out last."""
        number, rows = self._given()
        run = self._runs.get(number)
        return self._start if run is None else run.ledger.state(rows)

    def restore(self, state: StreamState) -> None:
        """Let the next run begin at a state; the runs before it end.

        Raises:
            SettingsError: it is a state of another stream.
        """
        state.check(self._settings.deciding())
        with self._lock:
            self.close()
            self._start, self._runs = state, {}

    @property
    def counts(self) -> StreamCounts:
        """What the latest run has read."""
        run = self._runs.get(self._last)
        return StreamCounts() if run is None else run.counts

    @property
    def failure(self) -> BaseException | None:
        """What the latest run failed with."""
        run = self._runs.get(self._last)
        return None if run is None else run.failure

    def close(self) -> None:
        """End all runs."""
        for run in list(self._runs.values()):
            run.close()

    def _next_start(self) -> StreamState:
        number, rows = self._given()
        for run in (self._runs.get(number), self._runs.get(self._last)):
            given = rows if run is not None and run.number == number else 0
            if run is not None and run.begin is self._start and run.ledger.is_given(given):
                return _after(run.ledger.state(given))
        return self._start

    def _may_give(self, run: Run) -> bool:
        """Whether its state may be asked for: rows of a run that was read may wait in a buffer."""
        is_read = run.ledger.is_complete and run.number > self._last - KEPT
        return not run.is_closed or is_read or run.number == self._given()[0]


def _after(state: StreamState) -> StreamState:
    """Where the run begins that follows one that has come to this state, its last."""
    if state.end is None:
        return state
    begin = state.begin
    return replace(state, epoch=state.epoch + 1, block_start=begin, block_end=begin, after=None)


def _blocks(
    settings: StreamSettings,
    parts: StreamParts,
    state: StreamState,
    counts: StreamCounts,
    check: Callable[[], None],
) -> Iterator[Block]:
    """The blocks of a run; what it opens is closed with it."""
    if state.is_finished:
        return
    with ExitStack() as opened:
        source = parts.open_source(state.block_start)
        opened.callback(source.close)
        letters = parts.open_letters()
        opened.callback(letters.close)
        decoding = Decoding(settings.topics, parts.decoder, letters, counts, parts.lettered)
        yield from Reading(settings, decoding, state).blocks(source, check)
