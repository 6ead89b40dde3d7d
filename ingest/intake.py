"""Intake: reads, decodes and samples in the background while rounds train."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ingest.bad_ratio import BadRatio
from ingest.intake_facts import IntakeSeconds, IntakeTotals, Progress, Unpacks
from ingest.lag_watch import LagWatch
from ingest.position import Position
from ingest.records import RecordBatch
from ingest.rows import Rows
from ingest.source import Source
from ingest.waiting import Portion, Waiting
from ingest.window import Counts, Window
from ingest.window_builder import WindowBuilder

__all__ = ["Intake"]

log = logging.getLogger("millstream.ingest")

POLL_S = 0.2


class Intake:
    """A thread that feeds a window builder from a source.

    Guarantee: `cut` is atomic: each record is in exactly one of the windows that it returns, and
    each window begins where the one before ended. Dead letters of a window are delivered before
    it is returned. Whatever fails in the thread is raised by `check` and `cut`, and `close` is
    quiet about it; after a failure no window is cut any more. Only `cut`, `limit` and `close`
    may wait, for the broker too; all else answers at once with what the last step came to.

    Args:
        source: read by the intake's thread alone from `start` on.
        builder: starts at the source's position.
        max_bad_ratio: share of bad records past which the intake fails.
        bad_ratio_min_records: about how many of the last records that share is of, whatever
            windows they are in; nothing is said before there were so many.
        backlog_records: while more records than this wait in the topics, only those are decoded
            that could enter a sample; the samples are the same. None decodes all, always.
        max_records: a window has so many records at most; then nothing is read until it is cut.
            Of a longer backlog it has the same share of each partition (see `Waiting`), so where
            it ends follows from offsets alone. None takes all that comes.
        backlog_windows: given, a window may have more than `max_records`, namely this part of what
            waits in the topics as it begins: a twentieth if it is 20.
    """

    def __init__(
        self,
        source: Source,
        builder: WindowBuilder,
        max_bad_ratio: float = 0.5,
        bad_ratio_min_records: int = 1000,
        backlog_records: int | None = None,
        max_records: int | None = None,
        backlog_windows: int | None = None,
    ) -> None:
        self._source = source
        self._builder = builder
        self._ratio = BadRatio(max_bad_ratio, bad_ratio_min_records)
        self._backlog = backlog_records
        self._max_records = sys.maxsize if max_records is None else max_records
        self._backlog_windows = backlog_windows
        self._most: int | None = None
        self._waiting = Waiting(builder.end)
        self._has_cut = threading.Event()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._before = IntakeTotals()
        self._first: float | None = None
        self._behind = False
        self._ahead = LagWatch(source)
        self._read_to = builder.end
        self._seconds = IntakeSeconds()
        self._progress = self._now()
        self._thread = threading.Thread(target=self._run, name="millstream-intake", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def check(self) -> None:
        """Raise what the thread failed with, if it did.

        Raises:
            IngestError: the thread ended because of it.
        """
        if self._failure is not None:
            raise self._failure

    def pending(self) -> tuple[int, float]:
        """Records that wait for the next window, and the seconds since the first of them came."""
        progress = self._progress
        since = 0.0 if progress.first is None else time.monotonic() - progress.first
        return progress.pending, since

    def is_full(self) -> bool:
        """Whether the next window takes no more records."""
        return self._progress.full

    def totals(self) -> IntakeTotals:
        """Records since the start."""
        return self._progress.totals

    def position(self) -> Position:
        """The next offset that no window and no pending record accounts for, per partition."""
        return self._progress.position

    def lag(self) -> int | None:
        """Records of the topics that are neither in a window nor pending, about a second ago.

        None when the broker has not told for some seconds.
        """
        return self._ahead.lag

    def end(self) -> Position | None:
        """Where the topics ended about a second ago; None while the broker does not tell."""
        return self._ahead.end

    def seconds(self) -> IntakeSeconds:
        """What the thread's time went into since the start."""
        return self._seconds

    def holdout(self) -> Rows | None:
        """The holdout rows of the window to come; None while only candidates are decoded.

        It waits for a step of the thread, and copies the rows.

        Raises:
            IngestError: the thread failed.
        """
        with self._lock:
            self.check()
            if self._behind:
                return None
            with self._noting_failure(), self._watching():
                return self._builder.holdout()

    def limit(self, max_records: int, backlog_windows: int | None) -> None:
        """Change how many records a window has, also that of the one that is being read."""
        with self._lock:
            self._max_records, self._backlog_windows = max_records, backlog_windows
            self._most = None
            self._progress = self._now()

    def cut(self) -> Window:
        """The window up to now; the next one begins at its end.

        Raises:
            IngestError: the thread failed, or a dead letter was not delivered.
        """
        with self._lock:
            self.check()
            with self._noting_failure(), self._watching():
                self._builder.settle()
            window = self._builder.cut()
            self._before, self._first = self._totals(window.counts), None
            self._most = None
            self._waiting.begin()
            self._progress = self._now()
            self._has_cut.set()
            return window

    def close(self) -> None:
        """End the thread and wait for it; harmless when repeated or never started."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with suppress(BaseException), self._noting_failure():
            while not self._ended.is_set() and self._failure is None:
                if self._ahead.is_due():
                    with self._timing("broker"):
                        self._ahead.look(self._builder.end)
                self._step()

    def _step(self) -> None:
        if self.is_full():
            with self._timing("full"):
                self._has_cut.wait(POLL_S)
                self._has_cut.clear()
        elif not self._take_waiting():
            batches = self._poll()
            self._read_to = self._source.position()
            self._waiting.add(batches, self._source.take_gaps(), self._read_to)
            self._take_waiting()

    def _poll(self) -> list[RecordBatch]:
        """What the source gives; the time is the broker's, unless it has told that all is read."""
        source = self._source
        end = self._ahead.end
        all_read = end is not None and self._read_to.records_to(end) == 0
        before = source.unpacking_s if isinstance(source, Unpacks) else 0.0
        begun = time.perf_counter()
        batches = source.poll(POLL_S)
        passed = time.perf_counter() - begun
        unpacked = source.unpacking_s - before if isinstance(source, Unpacks) else 0.0
        told = self._seconds.plus("decode", unpacked)
        self._seconds = told.plus("idle" if all_read else "broker", passed - unpacked)
        return batches

    @contextmanager
    def _timing(self, part: str) -> Iterator[None]:
        """Count how long the body takes; for the thread alone."""
        begun = time.perf_counter()
        yield
        self._seconds = self._seconds.plus(part, time.perf_counter() - begun)

    def _take_waiting(self) -> bool:
        """Take what was read and has room; whether there was anything."""
        with self._lock:
            try:
                with self._noting_failure():
                    at, end = self._builder.end, self._ahead.end or Position()
                    portion = self._waiting.take(at, end, self._room(at, end))
                    if portion or portion.position != at:
                        self._take(portion)
                    return bool(portion)
            finally:
                self._progress = self._now()

    def _room(self, at: Position, end: Position) -> int:
        """How many records the window still takes; settled as it begins."""
        if self._most is None:
            windows = self._backlog_windows
            share = at.records_to(end) // windows if windows else 0
            self._most = max(self._max_records, share)
        return max(0, self._most - self._builder.counts.seen)

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        """Keep an error for the caller's thread, before anyone can see how far it came."""
        try:
            yield
        except BaseException as error:
            self._failure = self._failure or error
            raise

    def _is_behind(self, to: Position) -> bool:
        """Whether so much is left to read after `to` that only candidates are decoded."""
        end = self._ahead.end
        return self._backlog is not None and end is not None and to.records_to(end) > self._backlog

    def _take(self, portion: Portion) -> None:
        to = portion.position
        behind = self._is_behind(to)
        if behind != self._behind:
            self._behind = behind
            what = "what could enter a sample" if behind else "everything again"
            log.info("%d records to read: decoding %s", to.records_to(self._ahead.end or to), what)
        with self._watching(), self._timing("decode"):
            self._builder.add_all(portion.batches, portion.gaps, check_all=not behind)
            self._builder.advance(to)
        if self._first is None and self._builder.counts.seen:
            self._first = time.monotonic()

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Count what is checked meanwhile, and fail if too many of the last records are bad."""
        before = self._builder.counts
        yield
        after = self._builder.counts
        checked = (after.seen - after.unchecked) - (before.seen - before.unchecked)
        self._ratio.add(checked, Counter(after.kinds) - Counter(before.kinds))
        if error := self._ratio.exceeded():
            self._builder.dead_letters.flush()
            raise error

    def _now(self) -> Progress:
        counts = self._builder.counts
        full = self._most is not None and counts.seen >= self._most
        return Progress(counts.seen, full, self._first, self._totals(counts), self._builder.end)

    def _totals(self, counts: Counts) -> IntakeTotals:
        before = self._before
        return IntakeTotals(
            records=before.records + counts.seen,
            bad=before.bad + counts.bad,
            unchecked=before.unchecked + counts.unchecked,
            kinds=dict(Counter(before.kinds) + Counter(counts.kinds)),
        )
