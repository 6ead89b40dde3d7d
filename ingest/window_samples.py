"""The samples of a window: decodes records, sends the bad ones away, keeps the good ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.dead_letters import DeadLetters
from ingest.formats.decoder import Decoded, Decoder
from ingest.identity import hash64
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

    def sampler(self, side: int) -> BottomK:
        """An empty sampler for a side."""
        settings = self.settings
        capacity = settings.window if side == TRAIN else settings.holdout_rows
        return BottomK(capacity, settings.seed, self.schema, self.topics)


class WindowSamples:
    """Samples of the three sides, of which none depends on when a record is decoded.

    Records can be decoded as they come, or late: then those that could enter a sample are kept as
    bytes, and when there are many, those are decoded that are in the samples if they are good,
    then as many as there were bad ones, and so on; what can no longer enter is dropped. Memory is
    bounded by the samples, and `WAITING_SAMPLES` as many records or `WAITING_BYTES` of them.

    Args:
        recipe: what they are made with.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._samplers = [recipe.sampler(side) for side in SIDES]
        most = WAITING_SAMPLES * sum(sampler.capacity for sampler in self._samplers)
        self._late = Undecoded(most, WAITING_BYTES)
        self.checked = 0
        self.bad = np.zeros(len(SIDES), np.int64)
        self.kinds: Counter[str] = Counter()

    def take_now(self, batch: RecordBatch, sides: NDArray[np.int8]) -> None:
        """Decode all records of a batch, whose sides are given."""
        self.settle()
        self._offer([self._decode(batch, sides, self._candidates(batch, sides))])

    def take_late(self, batch: RecordBatch, sides: NDArray[np.int8]) -> None:
        """Keep what could enter a sample for later, of a batch whose sides are given."""
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
        seed, keys = self._recipe.settings.seed, []
        for batch, _ in parts:
            bits = hash64(seed, "sample", [batch.topic], 0, batch.partition, batch.offsets)
            keys.append(BottomK.keys(bits))
        cuts = np.cumsum([len(batch) for batch, _ in parts])[:-1]
        sides = np.concatenate([sides for _, sides in parts])
        left = np.ones(len(sides), np.bool_)
        while (wanted := self._leading(np.concatenate(keys), sides, left)).any():
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
        for sampler in self._samplers:
            sampler.compact()

    def rows(self) -> tuple[Rows, Rows, Rows]:
        """The samples of train, validation and test, as they are now."""
        self.settle()
        train, validation, test = (sampler.sample() for sampler in self._samplers)
        return train, validation, test

    def _leading(
        self, keys: NDArray[np.float64], sides: NDArray[np.int8], left: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Bool[n]: which of those that are left would be in a sample if all of them were good."""
        wanted = np.zeros(len(keys), np.bool_)
        for side, sampler in zip(SIDES, self._samplers, strict=True):
            mine = np.flatnonzero(left & (sides == side))
            wanted[mine] = sampler.leading(keys[mine])
        return wanted

    def _candidates(self, batch: RecordBatch, sides: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Bool[n]: whether a record could enter the sample of its side."""
        could = np.zeros(len(batch), np.bool_)
        for side, sampler in zip(SIDES, self._samplers, strict=True):
            # Asking for all records is quicker than finding those of one side first.
            eligible = sampler.candidates(batch.topic, batch.partition, batch.offsets)
            could |= eligible & (sides == side)
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
        for side, sampler in zip(SIDES, self._samplers, strict=True):
            parts = [rows[side] for rows in good if len(rows[side])]
            if parts:
                sampler.offer(parts[0] if len(parts) == 1 else Rows.concat(parts))

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
