"""Builds a window while records stream in, decoding as few of them as need be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ingest.dead_letters import DeadLetters
from ingest.formats.decoder import Decoded, Decoder
from ingest.position import Gap, Position
from ingest.ragged import take_rows
from ingest.records import RecordBatch
from ingest.rows import Rows
from ingest.sampling import BottomK, Sampler
from ingest.schema import Schema
from ingest.split import TEST, TRAIN, VALIDATION, Splitter
from ingest.window import Counts, SampleSettings, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WindowBuilder"]

SIDES = (int(TRAIN), int(VALIDATION), int(TEST))


@dataclass(frozen=True)
class Recipe:
    """What a window builder works with."""

    schema: Schema
    topics: tuple[str, ...]
    decoder: Decoder
    dead_letters: DeadLetters
    settings: SampleSettings

    def sampler(self, capacity: int) -> Sampler:
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
        self._splitter = Splitter(settings.seed, settings.holdout)
        self._begin(start)

    def _begin(self, start: Position) -> None:
        settings = self._recipe.settings
        self.start = self.end = start
        self.counts = Counts()
        self._kinds: Counter[str] = Counter()
        self._gaps: list[Gap] = []
        self._times: tuple[int, int] | None = None
        self._samplers: dict[int, Sampler] = {
            int(TRAIN): self._recipe.sampler(settings.window),
            int(VALIDATION): self._recipe.sampler(settings.holdout_rows),
            int(TEST): self._recipe.sampler(settings.holdout_rows),
        }

    def add(self, batch: RecordBatch, *, check_all: bool = True) -> None:
        """Account for a batch: split it, decode it, dead-letter the bad, sample the good.

        Args:
            batch: the records.
            check_all: decode every record. Otherwise only those are decoded that could enter a
                sample, which gives the same samples, and the others are counted as unchecked.

        Raises:
            PositionError: records of it were accounted for already.
        """
        self._know(batch.topic, batch.partition)
        self.end.advance(batch.topic, batch.partition, int(batch.offsets[0]))
        sides, counts = self._splitter.sides(batch.topic, batch.partition, batch.offsets)
        could = self._candidates(batch, sides)
        places = np.arange(len(batch)) if check_all else np.flatnonzero(could)
        bad = self._sample(batch.take(places), places, sides, could)
        bad_on = [int(np.count_nonzero(sides[bad] == side)) for side in SIDES]
        self._count(
            batch,
            Counts(
                seen=len(batch),
                bad=len(bad),
                train=counts[TRAIN] - bad_on[TRAIN],
                validation=counts[VALIDATION] - bad_on[VALIDATION],
                test=counts[TEST] - bad_on[TEST],
                unchecked=len(batch) - len(places),
            ),
        )
        self.end = self.end.advance(batch.topic, batch.partition, batch.next_offset)

    def _candidates(self, batch: RecordBatch, sides: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Bool[n]: whether a record could enter the sample of its side."""
        could = np.zeros(len(batch), np.bool_)
        for side, sampler in self._samplers.items():
            # Asking for all records is quicker than finding those of one side first.
            eligible = sampler.candidates(batch.topic, batch.partition, batch.offsets)
            could |= eligible & (sides == side)
        return could

    def _sample(
        self,
        part: RecordBatch | None,
        places: NDArray[np.int64],
        sides: NDArray[np.int8],
        could: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """Decode some records of a batch, offer those that may enter, and say which are bad.

        Args:
            part: the records to decode.
            places: where they are in the batch.
            sides: of the batch's records.
            could: whether a record of the batch could enter; those that could are in `places`.

        Returns:
            Where the bad ones are in the batch.
        """
        if part is None:
            return places
        decoded = self._recipe.decoder.decode(part)
        if decoded.bad:
            self._recipe.dead_letters.send(part, decoded.bad)
            self._kinds.update(bad.kind for bad in decoded.bad)
        good = places[decoded.good]
        offered = np.flatnonzero(could[good])
        sides_of_offered = sides[good[offered]]
        for side, sampler in self._samplers.items():
            chosen = offered[sides_of_offered == side]
            if chosen.size:
                sampler.offer(self._rows(part, decoded, chosen))
        return places[np.array([bad.index for bad in decoded.bad], np.int64)]

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

    def _rows(self, part: RecordBatch, decoded: Decoded, chosen: NDArray[np.int64]) -> Rows:
        """Some of the good records of a decoded batch, copied."""
        topic = self._recipe.topics.index(part.topic)
        records = decoded.good[chosen]
        return Rows(
            self._recipe.topics,
            np.full(len(chosen), topic, np.int32),
            np.full(len(chosen), part.partition, np.int32),
            part.offsets[records],
            part.timestamps[records],
            {name: take_rows(column, chosen) for name, column in decoded.columns.items()},
        )

    def _count(self, batch: RecordBatch, new: Counts) -> None:
        before = self.counts
        self.counts = Counts(
            seen=before.seen + new.seen,
            bad=before.bad + new.bad,
            train=before.train + new.train,
            validation=before.validation + new.validation,
            test=before.test + new.test,
            unchecked=before.unchecked + new.unchecked,
        )
        times = batch.timestamps
        if times.min() < 0:
            times = times[times >= 0]
        if len(times):
            low, high = int(times.min()), int(times.max())
            known = self._times or (low, high)
            self._times = (min(known[0], low), max(known[1], high))

    @property
    def kinds(self) -> Mapping[str, int]:
        """Bad records so far, by kind."""
        return dict(self._kinds)
