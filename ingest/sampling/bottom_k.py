"""Bottom-k sampling by identity.

Every row has a key, ln(-ln u) - ln w, with u uniform in (0, 1) from its identity and w its weight;
the k rows with the smallest keys are the sample. With equal weights it is uniform without
replacement; with others it is the weighted sampling without replacement of Efraimidis and Spirakis
("Weighted random sampling with a reservoir", 2006). Bottom-k sketches merge by taking the bottom k
of their union (Cohen and Kaplan, "Summarizing data using bottom-k sketches", 2007).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import SamplerError, SettingsError
from ingest.identity import PLACES, hash64, sequence, unit
from ingest.rows import Rows
from ingest.sampling.sampler import Sampler, SamplerState
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BottomK"]


class BottomK:
    """A `Sampler` of at most `capacity` rows; see the module for the method.

    A row whose key is above the k-th smallest so far is dropped by one comparison. Up to 2k rows
    are held between compactions. Without weights the candidates are told by identity.

    Args:
        capacity: rows of the sample at most, k.
        seed: of the keys.
        schema: the rows' schema.
        topics: the rows' topics.
        weight: column with weights of at least 0; a row of weight 0 is never sampled. None samples
            uniformly.

    Raises:
        SettingsError: the capacity is not positive, or the schema has no such numeric field.
    """

    def __init__(
        self,
        capacity: int,
        seed: int,
        schema: Schema,
        topics: tuple[str, ...],
        weight: str | None = None,
    ) -> None:
        if capacity < 1:
            raise SettingsError(f"sampler: expected a capacity of at least 1, got {capacity}")
        if weight is not None and weight not in _numeric(schema):
            raise SettingsError(f'sampler: the schema has no numeric field "{weight}" as a weight')
        self.capacity = capacity
        self.seed = seed
        self.seen = 0
        self._weight = weight
        self._empty = Rows.empty(schema, topics)
        self._settings: dict[str, object] = {
            "kind": "bottom_k",
            "capacity": capacity,
            "seed": seed,
            "weight": weight,
            "schema": schema.fingerprint(),
        }
        self._begin()

    def _begin(self) -> None:
        self.threshold = np.inf
        self._last_place = PLACES - 1
        self._parts: list[Rows] = []
        self._part_keys: list[NDArray[np.float64]] = []
        self._held = self._fresh = 0

    def __len__(self) -> int:
        """Rows in the sample."""
        return len(self.sample())

    def offer(self, rows: Rows) -> None:
        """Consider some rows; see `Sampler`."""
        self.seen += len(rows)
        keys = self._keys(rows)
        # Rows at the threshold itself may tie with the k-th; compaction decides by identity.
        entering = keys <= self.threshold if np.isfinite(self.threshold) else np.isfinite(keys)
        if entering.any():
            self._hold(rows.take(np.flatnonzero(entering)), keys[entering])

    def candidates(
        self, topic: str, partition: int, offsets: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which records could enter; see `Sampler`."""
        from ingest.identity_scan import at_most

        if self._weight is not None or np.isinf(self.threshold):
            return np.ones(len(offsets), np.bool_)
        return at_most(sequence(self.seed, "sample", topic, partition), offsets, self._last_place)

    @staticmethod
    def keys(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
        """The keys of rows without weights, from their `hash64` for the purpose "sample"."""
        # u = 1 - v; the smallest keys have u near 1, where -ln u = -log1p(-v) keeps its precision.
        return np.log(-np.log1p(-unit(bits)))

    def leading(self, keys: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Bool[n]: which of some rows without weights would be in the sample if all were offered.

        Args:
            keys: float64[n], of rows that were not offered yet.
        """
        known = np.concatenate([*self._part_keys, keys])
        if len(known) <= self.capacity:
            return np.ones(len(keys), np.bool_)
        last: np.float64 = np.partition(known, self.capacity - 1)[self.capacity - 1]
        return keys <= last

    def sample(self) -> Rows:
        """The sample; see `Sampler`."""
        self.compact()
        return self._parts[0].sorted_by_identity() if self._parts else self._empty

    def merge(self, other: Sampler) -> None:
        """Consider everything that another sampler has considered; see `Sampler`."""
        state = other.get_state()
        self._check(state)
        seen = self.seen + state.seen
        self.offer(state.rows)
        self.seen = seen

    def get_state(self) -> SamplerState:
        """See `Sampler`."""
        return SamplerState(self._settings, self.seen, self.sample())

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
        keys = self.keys(bits)
        if self._weight is not None:
            with np.errstate(divide="ignore"):
                keys -= np.log(np.asarray(rows.columns[self._weight], np.float64))
        return keys

    def _hold(self, rows: Rows, keys: NDArray[np.float64]) -> None:
        self._parts.append(rows)
        self._part_keys.append(keys)
        self._held += len(rows)
        self._fresh += len(rows)
        if self._held > 2 * self.capacity:
            self.compact()
        elif self._held >= self.capacity and 4 * self._fresh >= self.capacity:
            self._tighten()

    def _tighten(self) -> None:
        """Lower the threshold without moving rows, as decoding what cannot enter is dearer."""
        keys = np.concatenate(self._part_keys)
        keys.sort()
        smallest = keys[: self.capacity]
        if (np.diff(smallest) == 0).any():  # perhaps a row that was offered twice
            self.compact()
        else:
            self._set_threshold(smallest[-1])

    def compact(self) -> None:
        """Drop all rows that are not in the sample, so that few records are candidates."""
        if not self._parts:
            return
        rows, keys = Rows.concat(self._parts), np.concatenate(self._part_keys)
        order = np.argsort(keys)
        if (np.diff(keys[order]) == 0).any():  # a row that was offered twice, or a rare tie
            order = np.lexsort((rows.offset, rows.partition, rows.topic, keys))
            order = order[~_same_as_before(rows, order)]
        order = order[: self.capacity]
        rows, keys = rows.take(order), keys[order]
        self._parts, self._part_keys, self._held = [rows], [keys], len(rows)
        if len(rows) == self.capacity:
            self._set_threshold(keys[-1])

    def _set_threshold(self, key: np.float64) -> None:
        """Take the k-th smallest key, and a place such that no key beyond it is as small.

        Keys grow with places, but for rounding: keys that differ by d have places that differ by
        a share of d at least. Keys are below 37 in size and right to 2**-45, so 2**-40 is enough.
        """
        self.threshold = float(key)
        self._fresh = 0
        place = int(-np.expm1(-np.exp(key)) * PLACES)
        self._last_place = place + (place >> 40) + 2


def _numeric(schema: Schema) -> set[str]:
    return {f.name for f in schema.fields if f.dtype in ("float32", "int32", "int64")}


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
