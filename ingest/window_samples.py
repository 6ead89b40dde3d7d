"""The samples of a window: decodes records, sends the bad ones away, keeps the good ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.dead_letters import DeadLetters
from ingest.formats.decoder import Decoded, Decoder
from ingest.ragged import take_rows
from ingest.records import RecordBatch
from ingest.rows import Rows
from ingest.sampling import BottomK
from ingest.schema import Schema
from ingest.split import TEST, TRAIN, VALIDATION
from ingest.undecoded import Undecoded
from ingest.window import SampleSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SIDES", "Recipe", "WindowSamples"]

SIDES = (TRAIN, VALIDATION, TEST)
# The more wait, the fewer are decoded: of a long backlog, less than half of what it is with none.
WAITING_SAMPLES = 3
WAITING_BYTES = 32 << 20


@dataclass(frozen=True)
class Recipe:
    """What the samples of a window are made with."""

    schema: Schema
    topics: tuple[str, ...]
    decoder: Decoder
    dead_letters: DeadLetters
    settings: SampleSettings

    def samplers(self, side: int) -> tuple[BottomK, ...]:
        """Empty samplers for a side: of the window and, if it is kept, of the past."""
        settings, schema = self.settings, self.schema
        own = settings.selection(side, schema)
        if settings.past is None:
            return (BottomK(own, self.topics),)
        past = settings.past.selection(side, settings.seed, schema)
        return BottomK(own, self.topics), BottomK(past, self.topics)


class WindowSamples:
    """Samples of the three sides, of which none depends on when a record is decoded.

    Records can be decoded as they come, or late: then those that could enter a sample are kept as
    bytes, and when there are many, those are decoded that are in the samples if they are good,
    then as many as there were bad ones, and so on; what can no longer enter is dropped. Memory is
    bounded by the samples, and `WAITING_SAMPLES` as many records or `WAITING_BYTES` of them. If
    what is in a record decides whether it is sampled, all are decoded as they come.

    Args:
        recipe: what they are made with.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._samplers = [recipe.samplers(side) for side in SIDES]
        every = [sampler for samplers in self._samplers for sampler in samplers]
        self._is_early = all(sampler.selection.is_early for sampler in every)
        self._late = Undecoded(WAITING_SAMPLES * sum(s.capacity for s in every), WAITING_BYTES)
        self.checked = 0
        self.bad = np.zeros(len(SIDES), np.int64)
        self.kinds: Counter[str] = Counter()

    def take_now(self, batch: RecordBatch, sides: NDArray[np.int8]) -> None:
        """Decode all records of a batch, whose sides are given."""
        self.settle()
        self._offer([self._decode(batch, sides, self._candidates(batch, sides))])

    def take_late(self, batch: RecordBatch, sides: NDArray[np.int8]) -> None:
        """Keep what could enter a sample for later, of a batch whose sides are given."""
        if not self._is_early:
            self.take_now(batch, sides)
            return
        places = np.flatnonzero(self._candidates(batch, sides))
        if len(places):
            self._late.add(batch, places, sides[places])
            if self._late.is_full:
                self.settle()

    def settle(self) -> None:
        """Decode what waits and is in a sample."""
        if not len(self._late):
            return
        parts = self._late.take()
        cuts = np.cumsum([len(batch) for batch, _ in parts])[:-1]
        sides = np.concatenate([sides for _, sides in parts])
        left = np.ones(len(sides), np.bool_)
        keys = self._keys([batch for batch, _ in parts])
        while (wanted := self._leading(keys, sides, left)).any():
            left &= ~wanted
            bad, good = self.bad.sum(), []
            for (batch, own), chosen in zip(parts, np.split(wanted, cuts), strict=True):
                places = np.flatnonzero(chosen)
                part = batch.take(places)
                if part is not None:
                    good.append(self._decode(part, own[places], np.ones(len(places), np.bool_)))
            self._offer(good)
            if self.bad.sum() == bad:
                break  # no places are left for others
        for samplers in self._samplers:
            for sampler in samplers:
                sampler.compact()

    def rows(self) -> tuple[Rows, Rows, Rows]:
        """The samples of train, validation and test, as they are now."""
        self.settle()
        train, validation, test = (samplers[0].sample() for samplers in self._samplers)
        return train, validation, test

    def holdout(self) -> Rows:
        """The samples of validation and test together, as they are now."""
        self.settle()
        return Rows.concat([self._samplers[side][0].sample() for side in (VALIDATION, TEST)])

    def train_weights(self) -> NDArray[np.float64]:
        """float64[n]: what each training row stands for."""
        self.settle()
        return self._samplers[TRAIN][0].weights()

    def past(self) -> tuple[Rows, ...]:
        """What to offer to the histories of train, validation and test; none if there are none."""
        self.settle()
        kept = [samplers[1].get_state().rows for samplers in self._samplers if len(samplers) > 1]
        return tuple(kept)

    def candidates(self) -> tuple[Rows, ...]:
        """Of the samples of the three sides, those rows and the ones that are first out."""
        self.settle()
        return tuple(samplers[0].get_state().rows for samplers in self._samplers)

    def _keys(self, batches: Sequence[RecordBatch]) -> dict[str, NDArray[np.float64]]:
        """float64[n]: the keys of the records of all batches, by each weighting that is there."""
        every = (sampler.selection for samplers in self._samplers for sampler in samplers)
        selections = {str(each.weighting.settings): each for each in every}
        return {
            name: np.concatenate([each.keys_of_records(batch) for batch in batches])
            for name, each in selections.items()
        }

    def _leading(
        self,
        keys: dict[str, NDArray[np.float64]],
        sides: NDArray[np.int8],
        left: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Bool[n]: which of those that are left would be in a sample if all of them were good."""
        wanted = np.zeros(len(sides), np.bool_)
        for side, samplers in zip(SIDES, self._samplers, strict=True):
            mine = np.flatnonzero(left & (sides == side))
            for sampler in samplers:
                own = keys[str(sampler.selection.weighting.settings)]
                wanted[mine] |= sampler.leading(own[mine])
        return wanted

    def _candidates(self, batch: RecordBatch, sides: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Bool[n]: whether a record could enter a sample of its side."""
        could = np.zeros(len(batch), np.bool_)
        where = (batch.topic, batch.partition, batch.offsets, batch.timestamps)
        for side, samplers in zip(SIDES, self._samplers, strict=True):
            for sampler in samplers:
                # Asking for all records is quicker than finding those of one side first.
                could |= sampler.candidates(*where) & (sides == side)
        return could

    def _decode(
        self, batch: RecordBatch, sides: NDArray[np.int8], could: NDArray[np.bool_]
    ) -> list[Rows]:
        """Decode a batch, send the bad ones away, and give those that could enter, by side."""
        decoded = self._recipe.decoder.decode(batch)
        self.checked += len(batch)
        if decoded.bad:
            self._recipe.dead_letters.send(batch, decoded.bad)
            self.kinds.update(bad.kind for bad in decoded.bad)
            places = [bad.index for bad in decoded.bad]
            self.bad += np.bincount(sides[places], minlength=len(SIDES))
        offered = np.flatnonzero(could[decoded.good])
        sides_of_offered = sides[decoded.good[offered]]
        chosen = (offered[sides_of_offered == side] for side in SIDES)
        return [self._rows(batch, decoded, rows) for rows in chosen]

    def _offer(self, good: Sequence[Sequence[Rows]]) -> None:
        """Offer rows to the samplers: all of a side at once, as each offer may sort the sample."""
        for side, samplers in zip(SIDES, self._samplers, strict=True):
            parts = [rows[side] for rows in good if len(rows[side])]
            if parts:
                whole = parts[0] if len(parts) == 1 else Rows.concat(parts)
                for sampler in samplers:
                    sampler.offer(whole)

    def _rows(self, batch: RecordBatch, decoded: Decoded, chosen: NDArray[np.int64]) -> Rows:
        """Some of the good records of a decoded batch, copied."""
        topic = self._recipe.topics.index(batch.topic)
        records = decoded.good[chosen]
        return Rows(
            self._recipe.topics,
            np.full(len(chosen), topic, np.int32),
            np.full(len(chosen), batch.partition, np.int32),
            batch.offsets[records],
            batch.timestamps[records],
            {name: take_rows(column, chosen) for name, column in decoded.columns.items()},
        )
