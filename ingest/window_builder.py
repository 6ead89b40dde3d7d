"""Builds a window while records stream in, decoding as few of them as need be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ingest.dead_letters import DeadLetters
from ingest.event_times import TimeSampler
from ingest.formats.decoder import Decoder
from ingest.position import Gap, Position
from ingest.records import RecordBatch
from ingest.rows import Rows
from ingest.schema import Schema
from ingest.split import Splitter
from ingest.window import Counts, SampleSettings, Window
from ingest.window_samples import SIDES, Recipe, WindowSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WindowBuilder"]


class WindowBuilder:
    """Takes record batches and keeps what a window needs; memory is bounded by the samples.

    Args:
        schema: fields of the records.
        topics: names, sorted.
        decoder: of the records.
        dead_letters: where bad records go.
        settings: sampling.
        start: position before the first record.
    """

    def __init__(
        self,
        schema: Schema,
        topics: tuple[str, ...],
        decoder: Decoder,
        dead_letters: DeadLetters,
        settings: SampleSettings,
        start: Position,
    ) -> None:
        self._recipe = Recipe(schema, topics, decoder, dead_letters, settings)
        self.dead_letters = dead_letters
        self._splitter = Splitter(settings.seed, settings.holdout)
        self._begin(start)

    def _begin(self, start: Position) -> None:
        self.start = self.end = start
        self._seen = np.zeros(len(SIDES), np.int64)
        self._gaps: list[Gap] = []
        self._times: tuple[int, int] | None = None
        self._event_times = TimeSampler(self._recipe.settings.seed)
        self._samples = WindowSamples(self._recipe)

    def add(self, batch: RecordBatch, *, check_all: bool = True) -> None:
        """Account for a batch: split it, decode it, dead-letter the bad, sample the good.

        Args:
            batch: the records.
            check_all: decode every record, now. Otherwise those are decoded that could enter a
                sample, and perhaps later (see `WindowSamples`), which gives the same samples; the
                others are counted as unchecked.

        Raises:
            PositionError: records of it were accounted for already.
        """
        self._know(batch.topic, batch.partition)
        self.end.advance(batch.topic, batch.partition, int(batch.offsets[0]))
        sides, counts = self._splitter.sides(batch.topic, batch.partition, batch.offsets)
        take = self._samples.take_now if check_all else self._samples.take_late
        take(batch, sides)
        self._seen += counts
        self._see_times(batch.timestamps)
        self._event_times.add(batch)
        self.end = self.end.advance(batch.topic, batch.partition, batch.next_offset)

    def settle(self) -> None:
        """Decode what is still to be decoded of the records so far."""
        self._samples.settle()

    @property
    def counts(self) -> Counts:
        """What became of the records so far; those that may be decoded later are unchecked yet."""
        samples, seen = self._samples, int(self._seen.sum())
        train, validation, test = (self._seen - samples.bad).tolist()
        return Counts(
            seen=seen,
            bad=int(samples.bad.sum()),
            train=train,
            validation=validation,
            test=test,
            unchecked=seen - samples.checked,
            kinds=dict(sorted(samples.kinds.items())),
        )

    def advance(self, position: Position) -> None:
        """Account for offsets that hold no record: the reader has come to `position`."""
        for topic, partition, offset in position.items():
            self._know(topic, partition)
            self.end = self.end.advance(topic, partition, offset)

    def add_gap(self, gap: Gap) -> None:
        """Account for offsets that the broker no longer has.

        Raises:
            PositionError: records after its start were accounted for already.
        """
        self._know(gap.topic, gap.partition)
        self.end.advance(gap.topic, gap.partition, gap.start)
        self.end = self.end.advance(gap.topic, gap.partition, gap.end)
        self._gaps.append(gap)

    def build(self) -> Window:
        """The window as it is now."""
        train, validation, test = self._samples.rows()
        return Window(
            start=self.start,
            end=self.end,
            gaps=tuple(sorted(self._gaps, key=lambda g: (g.topic, g.partition, g.start))),
            counts=self.counts,
            train=train,
            validation=validation,
            test=test,
            first_timestamp=self._times[0] if self._times else None,
            last_timestamp=self._times[1] if self._times else None,
            train_weights=self._samples.train_weights(),
            past=self._samples.past(),
            candidates=self._samples.candidates() if self._recipe.settings.shared else (),
            event_times=self._event_times.read(),
        )

    def holdout(self) -> Rows:
        """The holdout rows of the window as it is now."""
        return self._samples.holdout()

    def cut(self) -> Window:
        """The window as it is now, with its dead letters delivered; the next begins at its end.

        Raises:
            DeadLetterError: a dead letter was not delivered.
        """
        window = self.build()
        self._recipe.dead_letters.flush()
        letters = self._recipe.dead_letters.position(window.end)
        self._begin(window.end)
        return replace(window, dead_letters=letters)

    def add_all(
        self, batches: Sequence[RecordBatch], gaps: Sequence[Gap], *, check_all: bool = True
    ) -> None:
        """Account for batches and gaps of the same poll, in the order of their offsets."""
        parts: list[tuple[int, RecordBatch | Gap]] = [(int(b.offsets[0]), b) for b in batches]
        parts += [(gap.start, gap) for gap in gaps]
        for _, part in sorted(parts, key=lambda entry: entry[0]):
            if isinstance(part, Gap):
                self.add_gap(part)
            else:
                self.add(part, check_all=check_all)

    def _know(self, topic: str, partition: int) -> None:
        if self.start.get(topic, partition) is None:
            self.start = self.start.advance(topic, partition, 0)
            self.end = self.end.advance(topic, partition, 0)

    def _see_times(self, times: NDArray[np.int64]) -> None:
        if times.min() < 0:
            times = times[times >= 0]
        if len(times):
            low, high = int(times.min()), int(times.max())
            known = self._times or (low, high)
            self._times = (min(known[0], low), max(known[1], high))
