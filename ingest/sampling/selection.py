"""How a sample is made: what keys rows have, and who gets the places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import SamplerError, SettingsError
from ingest.identity import hash64, sequence
from ingest.ragged import Column, Ragged
from ingest.records import RecordBatch
from ingest.rows import Rows
from ingest.sampling.allocation import Allocation
from ingest.sampling.keys import base_keys, last_place
from ingest.sampling.places import Places, first_places
from ingest.sampling.uniform import UNIFORM
from ingest.sampling.weighting import Weighting
from ingest.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Selection", "row_bytes"]


@dataclass(frozen=True)
class Selection:
    """All that decides which rows of a stream are its sample.

    Attributes:
        capacity: rows at most.
        seed: of the keys.
        schema: the rows' schema.
        weighting: what a row weighs.
        allocation: shares the places among strata; None for one sample of all.
        most_bytes: of the identities and columns of all rows together; None for as many as there
            are. With room for few of the larger rows, the sample ends before the first of them.

    Raises:
        SettingsError: a bound is not positive, or the schema has no such field, or rows differ in
            size and their bytes cannot be bounded with this allocation.
    """

    capacity: int
    seed: int
    schema: Schema
    weighting: Weighting = UNIFORM
    allocation: Allocation | None = None
    most_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise SettingsError(f"sampler: expected a capacity of at least 1, got {self.capacity}")
        if self.most_bytes is not None and self.most_bytes < 1:
            raise SettingsError(f"sampler: expected bytes of at least 1, got {self.most_bytes}")
        self.weighting.check(self.schema)
        if self.allocation is None:
            return
        self.allocation.check(self.schema)
        nothing = np.zeros(0, np.int64)
        if self.most_bytes and not self.has_one_size and self.allocation.parts(nothing) is None:
            ragged = ", ".join(f'"{f.name}"' for f in self.schema.fields if f.is_ragged)
            raise SettingsError(
                f"sampler: rows differ in size ({ragged}), and their bytes cannot be bounded with"
                f" allocation {self.allocation.settings.get('allocation')!r}; bound the rows only,"
                " or use a balanced sample"
            )

    @property
    def settings(self) -> dict[str, object]:
        """All of it, as plain values."""
        return {
            "kind": "bottom_k",
            "capacity": self.capacity,
            "seed": self.seed,
            **self.weighting.settings,
            **(self.allocation.settings if self.allocation else {"allocation": None}),
            "bytes": self.most_bytes,
            "schema": self.schema.fingerprint(),
        }

    def check(self, settings: Mapping[str, object]) -> None:
        """Raise SamplerError if a sample of other settings is to go together with this one."""
        for name, mine in self.settings.items():
            theirs = settings.get(name)
            if theirs != mine:
                raise SamplerError(
                    f"sampler: expected {name} {mine!r}, got {theirs!r}; only samples made"
                    " with the same settings go together"
                )

    def keys(self, rows: Rows) -> NDArray[np.float64]:
        """float64[n]: the keys of rows; the smaller, the likelier to stay."""
        bits = hash64(self.seed, "sample", rows.topics, rows.topic, rows.partition, rows.offset)
        return base_keys(bits) - self.weighting.log_weights(rows)

    @property
    def has_one_size(self) -> bool:
        """Whether all rows have as many bytes."""
        return not any(field.is_ragged for field in self.schema.fields)

    @property
    def is_early(self) -> bool:
        """Whether keys are known before a record is decoded."""
        nothing = np.zeros(0, np.int64)
        return self.allocation is None and self.weighting.early(nothing, nothing) is not None

    def keys_of_records(self, batch: RecordBatch) -> NDArray[np.float64]:
        """float64[n]: the keys of records that are not decoded yet; only if `is_early`.

        Raises:
            SamplerError: what is in the records decides.
        """
        early = self.weighting.early(batch.offsets, batch.timestamps)
        if early is None or self.allocation is not None:
            raise SamplerError("sampler: keys depend on what is in the records; decode them first")
        bits = hash64(self.seed, "sample", [batch.topic], 0, batch.partition, batch.offsets)
        return base_keys(bits) - early

    def candidates(
        self,
        topic: str,
        partition: int,
        offsets: NDArray[np.int64],
        timestamps: NDArray[np.int64],
        threshold: float,
    ) -> NDArray[np.bool_]:
        """Bool[n]: which records could have a key of at most `threshold`."""
        from ingest.identity_scan import at_most

        early = self.weighting.early(offsets, timestamps)
        if early is None or np.isinf(threshold) or not len(offsets):
            return np.ones(len(offsets), np.bool_)
        start = sequence(self.seed, "sample", topic, partition)
        could = at_most(start, offsets, last_place(threshold, float(early.max())))
        if len(early) == len(offsets) > 1:
            left = np.flatnonzero(could)
            bits = hash64(self.seed, "sample", [topic], 0, partition, offsets[left])
            could[left] = base_keys(bits) - early[left] <= threshold
        return could

    def strata(self, rows: Rows) -> NDArray[np.int64] | None:
        """int64[n]: the strata of rows; None if there are none."""
        return self.allocation.strata(rows) if self.allocation else None

    def places(
        self,
        keys: NDArray[np.float64],
        strata: NDArray[np.int64] | None,
        sizes: NDArray[np.int64] | None = None,
    ) -> Places:
        """Who is in; see `first_places`.

        Args:
            keys: float64[n], ascending; equal ones in the order of their identities.
            strata: int64[n], or None.
            sizes: int64[n], bytes of each row; needed if they are bounded.
        """
        if self.most_bytes is None or sizes is None or not len(sizes):
            return first_places(keys, strata, (self.capacity, np.inf), self.allocation)
        if self.has_one_size:
            places = min(self.capacity, self.most_bytes // int(sizes[0]))
            return first_places(keys, strata, (places, np.inf), self.allocation)
        bounds = (self.capacity, self.most_bytes)
        return first_places(keys, strata, bounds, self.allocation, sizes)

    def chances(self, rows: Rows, limits: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n]: how likely the key of each row was to be below its limit."""
        # P(key < limit) = P(-ln u < w exp(limit)) = 1 - exp(-w exp(limit)).
        with np.errstate(over="ignore"):
            chances: NDArray[np.float64] = -np.expm1(
                -np.exp(limits + self.weighting.log_weights(rows))
            )
        return chances


def row_bytes(rows: Rows) -> NDArray[np.int64]:
    """int64[n]: the bytes that the columns and the identity of each row take."""
    identity = 4 + 4 + 8 + 8
    sizes = np.full(len(rows), identity, np.int64)
    for column in rows.columns.values():
        sizes += _widths(column)
    return sizes


def _widths(column: Column) -> NDArray[np.int64] | int:
    if isinstance(column, Ragged):
        widths: NDArray[np.int64] = column.lengths * column.dtype.itemsize + 8
        return widths
    return int(np.prod(column.shape[1:], dtype=np.int64)) * column.dtype.itemsize
