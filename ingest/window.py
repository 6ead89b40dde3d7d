"""The window: what one round is made of, built while records stream in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ingest.dead_letters import DeadLetters
from ingest.errors import SettingsError
from ingest.formats.decoder import Decoder
from ingest.position import Gap, Position
from ingest.ragged import Column
from ingest.records import RecordBatch
from ingest.rows import Rows
from ingest.sampling import BottomK
from ingest.schema import Schema
from ingest.split import TEST, TRAIN, VALIDATION, split

__all__ = ["Counts", "SampleSettings", "Window", "WindowBuilder"]


@dataclass(frozen=True)
class SampleSettings:
    """How records become a window.

    Attributes:
        seed: of split and sampling.
        window: training rows at most.
        holdout: share of the records that is never trained on.
        holdout_rows: rows at most of each half of the holdout.

    Raises:
        SettingsError: one is outside its range.
    """

    seed: int
    window: int = 20_000
    holdout: float = 0.1
    holdout_rows: int = 4_000

    def __post_init__(self) -> None:
        if not 0.0 <= self.holdout < 1.0:
            raise SettingsError(
                f"sample.holdout: expected a share from 0 up to but not 1, got {self.holdout}"
            )
        if min(self.window, self.holdout_rows) < 1:
            raise SettingsError("sample: expected window and holdout_rows of at least 1")


@dataclass(frozen=True)
class Counts:
    """What became of a window's records; `seen` is the sum of the other four.

    Attributes:
        seen: records read.
        bad: records dead-lettered, of which `kinds` has the number by kind.
        train: good records on the training side, sampled or not.
        validation: good records on the validation side.
        test: good records on the test side.
    """

    seen: int = 0
    bad: int = 0
    train: int = 0
    validation: int = 0
    test: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Window:
    """The records of one round, sampled.

    A function of seed, settings and the records of `[start, end)` alone, however they were read.

    Attributes:
        start: position before the window.
        end: position after it.
        gaps: offsets in between that the broker no longer had.
        counts: what became of the records.
        train: the sample to train on, sorted by identity, as are the other two.
        validation: the sample that early stopping looks at.
        test: the sample that gate and prequential scores look at.
        first_timestamp: smallest timestamp of a record, milliseconds; None when none has one.
        last_timestamp: largest.
    """

    start: Position
    end: Position
    gaps: tuple[Gap, ...]
    counts: Counts
    train: Rows
    validation: Rows
    test: Rows
    first_timestamp: int | None
    last_timestamp: int | None


@dataclass(frozen=True)
class Recipe:
    """What a window builder works with."""

    schema: Schema
    topics: tuple[str, ...]
    decoder: Decoder
    dead_letters: DeadLetters
    settings: SampleSettings

    def sampler(self, capacity: int) -> BottomK:
        """An empty sampler."""
        return BottomK(capacity, self.settings.seed, self.schema, self.topics)


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
        self._begin(start)

    def _begin(self, start: Position) -> None:
        settings = self._recipe.settings
        self.start = self.end = start
        self.counts = Counts()
        self._kinds: Counter[str] = Counter()
        self._gaps: list[Gap] = []
        self._times: tuple[int, int] | None = None
        self._samplers = {
            int(TRAIN): self._recipe.sampler(settings.window),
            int(VALIDATION): self._recipe.sampler(settings.holdout_rows),
            int(TEST): self._recipe.sampler(settings.holdout_rows),
        }

    def add(self, batch: RecordBatch) -> None:
        """Account for a batch: dead-letter the bad, split and sample the good.

        Raises:
            PositionError: records of it were accounted for already.
        """
        self._know(batch.topic, batch.partition)
        self.end.advance(batch.topic, batch.partition, int(batch.offsets[0]))
        decoded = self._recipe.decoder.decode(batch)
        if decoded.bad:
            self._recipe.dead_letters.send(batch, decoded.bad)
            self._kinds.update(bad.kind for bad in decoded.bad)
        rows = self._rows(batch, decoded.good, decoded.columns)
        sides = split(
            self._recipe.settings.seed,
            rows.topics,
            rows.topic,
            rows.partition,
            rows.offset,
            self._recipe.settings.holdout,
        )
        for side, sampler in self._samplers.items():
            chosen = np.flatnonzero(sides == side)
            if chosen.size:
                sampler.offer(rows.take(chosen))
        self._count(batch, sides, len(decoded.bad))
        self.end = self.end.advance(batch.topic, batch.partition, batch.next_offset)

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
        train, validation, test = (sampler.sample() for sampler in self._samplers.values())
        return Window(
            start=self.start,
            end=self.end,
            gaps=tuple(sorted(self._gaps, key=lambda g: (g.topic, g.partition, g.start))),
            counts=replace(self.counts, kinds=dict(sorted(self._kinds.items()))),
            train=train,
            validation=validation,
            test=test,
            first_timestamp=self._times[0] if self._times else None,
            last_timestamp=self._times[1] if self._times else None,
        )

    def cut(self) -> Window:
        """The window as it is now, with its dead letters delivered; the next begins at its end.

        Raises:
            DeadLetterError: a dead letter was not delivered.
        """
        self._recipe.dead_letters.flush()
        window = self.build()
        self._begin(window.end)
        return window

    def add_all(self, batches: Sequence[RecordBatch], gaps: Sequence[Gap]) -> None:
        """Account for batches and gaps of the same poll, in the order of their offsets."""
        parts: list[tuple[int, RecordBatch | Gap]] = [(int(b.offsets[0]), b) for b in batches]
        parts += [(gap.start, gap) for gap in gaps]
        for _, part in sorted(parts, key=lambda entry: entry[0]):
            if isinstance(part, Gap):
                self.add_gap(part)
            else:
                self.add(part)

    def _know(self, topic: str, partition: int) -> None:
        if self.start.get(topic, partition) is None:
            self.start = self.start.advance(topic, partition, 0)
            self.end = self.end.advance(topic, partition, 0)

    def _rows(self, batch: RecordBatch, good: np.ndarray, columns: Mapping[str, Column]) -> Rows:
        topic = self._recipe.topics.index(batch.topic)
        return Rows(
            self._recipe.topics,
            np.full(len(good), topic, np.int32),
            np.full(len(good), batch.partition, np.int32),
            batch.offsets[good],
            batch.timestamps[good],
            columns,
        )

    def _count(self, batch: RecordBatch, sides: np.ndarray, bad: int) -> None:
        train, validation, test = (int((sides == side).sum()) for side in self._samplers)
        before = self.counts
        self.counts = Counts(
            seen=before.seen + len(batch),
            bad=before.bad + bad,
            train=before.train + train,
            validation=before.validation + validation,
            test=before.test + test,
        )
        times = batch.timestamps[batch.timestamps >= 0]
        if len(times):
            low, high = int(times.min()), int(times.max())
            known = self._times or (low, high)
            self._times = (min(known[0], low), max(known[1], high))

    @property
    def kinds(self) -> Mapping[str, int]:
        """Bad records so far, by kind."""
        return dict(self._kinds)
