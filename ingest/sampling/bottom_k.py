"""Bottom-k sampling by identity.

Every row has a key, ln(-ln u) - ln w, with u uniform in (0, 1) from its identity and w its weight;
the k rows with the smallest keys are the sample. With equal weights it is uniform without
replacement; with others it is the weighted sampling without replacement of Efraimidis and Spirakis
("Weighted random sampling with a reservoir", 2006). Bottom-k sketches merge by taking the bottom k
of their union (Cohen and Kaplan, "Summarizing data using bottom-k sketches", 2007). With strata,
an allocation says how many of the smallest keys of each stratum are the sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.rows import Rows
from ingest.sampling.bar import Bar
from ingest.sampling.order import Identities, order_by_key
from ingest.sampling.places import Places
from ingest.sampling.sampler import Sampler, SamplerState
from ingest.sampling.selection import Selection, row_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BottomK"]


class BottomK:
    """A `Sampler` of at most `capacity` rows; see the module for the method.

    A row whose key is above the limit of its stratum is dropped by one comparison. Up to twice the
    capacity and twice the bytes are held between compactions, and a row of each stratum that is
    out, and the rows of one offer.

    Args:
        selection: says who stays.
        topics: the rows' topics.
    """

    def __init__(self, selection: Selection, topics: tuple[str, ...]) -> None:
        self.selection = selection
        self.seen = 0
        self._empty = Rows.empty(selection.schema, topics)
        self._begin()

    def _begin(self) -> None:
        self._parts: list[Rows] = []
        self._part_keys: list[NDArray[np.float64]] = []
        self._held = self._fresh = self._bytes = 0
        self._places: Places | None = None
        self._bar = Bar()

    @property
    def capacity(self) -> int:
        """Rows of the sample at most."""
        return self.selection.capacity

    @property
    def threshold(self) -> float:
        """No key above this can enter; inf while any can. It never grows."""
        return self._bar.highest

    def __len__(self) -> int:
        """Rows in the sample."""
        return len(self._compacted().inside)

    def offer(self, rows: Rows) -> None:
        """Consider some rows; see `Sampler`."""
        self.seen += len(rows)
        if not len(rows):
            return
        keys = self.selection.keys(rows)
        # Rows at the bar itself may tie with the row that set it; compaction decides by identity.
        entering = self._bar.admits(keys, self.selection.strata(rows))
        if entering.any():
            self._hold(rows.take(np.flatnonzero(entering)), keys[entering])

    def candidates(
        self, topic: str, partition: int, offsets: NDArray[np.int64], timestamps: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which records could enter; see `Sampler`."""
        return self.selection.candidates(topic, partition, offsets, timestamps, self.threshold)

    def leading(self, keys: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Bool[n]: which of some rows would be held if all were offered, by their early keys.

        Args:
            keys: float64[n], of rows that were not offered yet.
        """
        known = np.concatenate([*self._part_keys, keys])
        if len(known) <= self.capacity + 1:
            return np.ones(len(keys), np.bool_)
        last: np.float64 = np.partition(known, self.capacity)[self.capacity]
        return keys <= last

    def sample(self) -> Rows:
        """The sample; see `Sampler`."""
        return self._of_sample()[0]

    def weights(self) -> NDArray[np.float64]:
        """What each row of the sample stands for; see `Sampler`."""
        return self._of_sample()[1]

    def merge(self, other: Sampler) -> None:
        """Consider everything that another sampler has considered; see `Sampler`."""
        state = other.get_state()
        self.selection.check(state.settings)
        seen = self.seen + state.seen
        self.offer(state.rows)
        self.seen = seen

    def get_state(self) -> SamplerState:
        """See `Sampler`."""
        self._compacted()
        rows = self._parts[0].sorted_by_identity() if self._parts else self._empty
        return SamplerState(self.selection.settings, self.seen, rows)

    def set_state(self, state: SamplerState) -> None:
        """See `Sampler`."""
        self.selection.check(state.settings)
        self._begin()
        self.offer(state.rows)
        self.seen = state.seen

    def _hold(self, rows: Rows, keys: NDArray[np.float64]) -> None:
        self._parts.append(rows)
        self._part_keys.append(keys)
        self._held += len(rows)
        self._fresh += len(rows)
        self._places = None
        most = self.selection.most_bytes
        if most is not None:
            self._bytes += int(row_bytes(rows).sum())
        if self._held > 2 * self.capacity + self._bar.strata or self._bytes > (most or np.inf):
            self.compact()
        elif self._held > self.capacity and 4 * self._fresh >= self.capacity:
            self._tighten()

    def _tighten(self) -> None:
        """Lower the bar without moving rows, as decoding what cannot enter is dearer."""
        if self.selection.allocation is not None or self.selection.most_bytes is not None:
            return
        keys = np.concatenate(self._part_keys)
        keys.sort()
        smallest = keys[: self.capacity + 1]
        if (np.diff(smallest) == 0).any():  # perhaps a row that was offered twice
            self.compact()
        else:
            self._fresh = 0
            self._bar = Bar(highest=float(smallest[-1]))

    def compact(self) -> None:
        """Drop all rows that are of no interest any more, so that few records are candidates."""
        self._compacted()

    def _compacted(self) -> Places:
        if self._places is not None:
            return self._places
        rows = Rows.concat(self._parts) if self._parts else self._empty
        keys = np.concatenate([*self._part_keys, np.empty(0)])
        order = order_by_key(keys, Identities(rows.topic, rows.partition, rows.offset))
        strata = self.selection.strata(rows)
        sizes = row_bytes(rows) if self.selection.most_bytes is not None else None
        found = self.selection.places(
            keys[order],
            None if strata is None else strata[order],
            None if sizes is None else sizes[order],
        )
        held = order[np.concatenate([found.inside, found.outside])]
        self._parts, self._part_keys = [rows.take(held)], [keys[held]]
        self._held, self._fresh, self._bytes = len(held), 0, 0
        self._bar = Bar.of(found, self.selection.allocation is not None)
        self._places = found
        return found

    def _of_sample(self) -> tuple[Rows, NDArray[np.float64]]:
        """The rows of the sample, sorted by identity, and what each stands for."""
        found = self._compacted()
        rows = self._parts[0].take(np.arange(len(found.inside)))
        chances = self.selection.chances(rows, found.limits)
        order = np.lexsort((rows.offset, rows.partition, rows.topic))
        return rows.take(order), 1.0 / chances[order]
