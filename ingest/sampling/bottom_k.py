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

from ingest.errors import SamplerError, SettingsError
from ingest.identity import hash64, sequence
from ingest.rows import Rows
from ingest.sampling.allocation import Allocation
from ingest.sampling.bar import Bar
from ingest.sampling.keys import base_keys, last_place
from ingest.sampling.places import Places, first_places
from ingest.sampling.sampler import Sampler, SamplerState
from ingest.sampling.uniform import Uniform
from ingest.sampling.weighting import Weighting
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BottomK"]


class BottomK:
    """A `Sampler` of at most `capacity` rows; see the module for the method.

    A row whose key is above the limit of its stratum is dropped by one comparison. Up to twice the
    capacity is held between compactions, and a row of each stratum that is out.

    Args:
        capacity: rows of the sample at most, k.
        seed: of the keys.
        schema: the rows' schema.
        topics: the rows' topics.
        weighting: what a row weighs.
        allocation: shares the places among strata; None for one sample of all.

    Raises:
        SettingsError: the capacity is not positive, or the schema has no such field.
    """

    def __init__(
        self,
        capacity: int,
        seed: int,
        schema: Schema,
        topics: tuple[str, ...],
        weighting: Weighting | None = None,
        allocation: Allocation | None = None,
    ) -> None:
        if capacity < 1:
            raise SettingsError(f"sampler: expected a capacity of at least 1, got {capacity}")
        for part in (weighting, allocation):
            if part is not None:
                part.check(schema)
        self.capacity = capacity
        self.seed = seed
        self.seen = 0
        self._weighting: Weighting = weighting or Uniform()
        self._allocation = allocation
        self._empty = Rows.empty(schema, topics)
        self._settings: dict[str, object] = {
            "kind": "bottom_k",
            "capacity": capacity,
            "seed": seed,
            **self._weighting.settings,
            **(allocation.settings if allocation else {"allocation": None}),
            "schema": schema.fingerprint(),
        }
        self._begin()

    def _begin(self) -> None:
        self._parts: list[Rows] = []
        self._part_keys: list[NDArray[np.float64]] = []
        self._held = self._fresh = 0
        self._places: Places | None = None
        self._bar = Bar()

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
        keys = self._keys(rows)
        strata = self._allocation.strata(rows) if self._allocation else None
        # Rows at the bar itself may tie with the row that set it; compaction decides by identity.
        entering = self._bar.admits(keys, strata)
        if entering.any():
            self._hold(rows.take(np.flatnonzero(entering)), keys[entering])

    def candidates(
        self,
        topic: str,
        partition: int,
        offsets: NDArray[np.int64],
        timestamps: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Which records could enter; see `Sampler`."""
        from ingest.identity_scan import at_most

        could = np.ones(len(offsets), np.bool_)
        early = self._weighting.early(offsets, timestamps)
        if early is None or np.isinf(self.threshold) or not len(offsets):
            return could
        start = sequence(self.seed, "sample", topic, partition)
        last = last_place(self.threshold, float(early.max()))
        could = at_most(start, offsets, last)
        if len(early) == len(offsets) > 1:
            left = np.flatnonzero(could)
            bits = hash64(self.seed, "sample", [topic], 0, partition, offsets[left])
            could[left] = base_keys(bits) - early[left] <= self.threshold
        return could

    def early_keys(
        self,
        topic: str,
        partition: int,
        offsets: NDArray[np.int64],
        timestamps: NDArray[np.int64],
    ) -> NDArray[np.float64] | None:
        """The keys of records that are not decoded yet; None if what is in them decides."""
        early = self._weighting.early(offsets, timestamps)
        if early is None or self._allocation is not None:
            return None
        return base_keys(hash64(self.seed, "sample", [topic], 0, partition, offsets)) - early

    def leading(self, keys: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Bool[n]: which of some rows would be held if all were offered, of `early_keys`.

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
        self._check(state)
        seen = self.seen + state.seen
        self.offer(state.rows)
        self.seen = seen

    def get_state(self) -> SamplerState:
        """See `Sampler`."""
        self._compacted()
        rows = self._parts[0].sorted_by_identity() if self._parts else self._empty
        return SamplerState(self._settings, self.seen, rows)

    def set_state(self, state: SamplerState) -> None:
        """See `Sampler`."""
        self._check(state)
        self._begin()
        self.offer(state.rows)
        self.seen = state.seen

    def _check(self, state: SamplerState) -> None:
        for name, mine in self._settings.items():
            theirs = state.settings.get(name)
            if theirs != mine:
                raise SamplerError(
                    f"sampler: expected {name} {mine!r}, got {theirs!r}; only samples made"
                    " with the same settings go together"
                )

    def _keys(self, rows: Rows) -> NDArray[np.float64]:
        bits = hash64(self.seed, "sample", rows.topics, rows.topic, rows.partition, rows.offset)
        return base_keys(bits) - self._weighting.log_weights(rows)

    def _hold(self, rows: Rows, keys: NDArray[np.float64]) -> None:
        self._parts.append(rows)
        self._part_keys.append(keys)
        self._held += len(rows)
        self._fresh += len(rows)
        self._places = None
        if self._held > 2 * self.capacity + self._bar.strata:
            self.compact()
        elif self._held > self.capacity and 4 * self._fresh >= self.capacity:
            self._tighten()

    def _tighten(self) -> None:
        """Lower the bar without moving rows, as decoding what cannot enter is dearer."""
        if self._allocation is not None:
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
        if not self._parts:
            return first_places(np.empty(0), None, self.capacity, None)
        rows, keys = Rows.concat(self._parts), np.concatenate(self._part_keys)
        order = np.argsort(keys)
        if (np.diff(keys[order]) == 0).any():  # a row that was offered twice, or a rare tie
            order = np.lexsort((rows.offset, rows.partition, rows.topic, keys))
            order = order[~_same_as_before(rows, order)]
        keys = keys[order]
        strata = self._allocation.strata(rows.take(order)) if self._allocation else None
        found = first_places(keys, strata, self.capacity, self._allocation)
        held = np.concatenate([found.inside, found.outside])
        self._parts, self._part_keys = [rows.take(order[held])], [keys[held]]
        self._held, self._fresh = len(held), 0
        if self._allocation is None:
            self._bar = Bar(highest=float(found.entry[0]) if len(found.entry) else np.inf)
        else:
            self._bar = Bar(found.strata, found.entry)
        self._places = found
        return found

    def _of_sample(self) -> tuple[Rows, NDArray[np.float64]]:
        """The rows of the sample, sorted by identity, and what each stands for."""
        found = self._compacted()
        if not self._parts:
            return self._empty, np.empty(0)
        rows = self._parts[0].take(np.arange(len(found.inside)))
        # P(key < limit) = P(-ln u < w exp(limit)) = 1 - exp(-w exp(limit)).
        with np.errstate(over="ignore"):
            chance = -np.expm1(-np.exp(found.limits + self._weighting.log_weights(rows)))
        order = np.lexsort((rows.offset, rows.partition, rows.topic))
        return rows.take(order), 1.0 / chance[order]


def _same_as_before(rows: Rows, order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Bool [n]: whether a row, in this order, has the identity of the row before it."""
    same = np.zeros(len(order), np.bool_)
    now, before = order[1:], order[:-1]
    same[1:] = (
        (rows.offset[now] == rows.offset[before])
        & (rows.partition[now] == rows.partition[before])
        & (rows.topic[now] == rows.topic[before])
    )
    return same
