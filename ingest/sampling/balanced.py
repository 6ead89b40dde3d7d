"""Class-balanced: each class gets the same number of places, or its share of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import SettingsError
from ingest.rows import Rows
from ingest.sampling.strata import check_strata, strata_of, stratum_of
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Balanced"]


@dataclass(frozen=True)
class Balanced:
    """As many rows of each class as there are places, whenever it comes; an `Allocation`.

    A class that has fewer rows than its part leaves the rest to the others. Classes need not be
    known before: a new one gets its places from those that have most. Where bytes are bounded and
    rows differ in size, each class gets the same part of places and bytes, or its share of them; a
    class that has reached its cap keeps its part, and one whose rows are larger than that has none.

    Attributes:
        by: the field of the class.
        cap: rows of a class at most; None for as many as fit.
        shares: parts of the sample by stratum, such as {1: 3.0} for a class 1 with three times as
            many rows as another; a class that is not named has 1. `of` makes them from words.

    Raises:
        SettingsError: a number is not positive.
    """

    by: str
    cap: int | None = None
    shares: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.cap is not None and self.cap < 1:
            raise SettingsError(f"balanced: expected a cap of at least 1, got {self.cap}")
        if any(not 0 < part < np.inf for part in self.shares.values()):
            shares = dict(self.shares)
            raise SettingsError(f"balanced: expected shares of more than 0, got {shares}")

    @classmethod
    def of(
        cls,
        schema: Schema,
        by: str | None = None,
        cap: int | None = None,
        shares: Mapping[str, float] | None = None,
    ) -> Balanced:
        """Balanced by a field of a schema; by its label if none is named.

        Args:
            schema: of the rows.
            by: the field.
            cap: rows of a class at most.
            shares: by the value as records have it.

        Raises:
            SettingsError: there is no such field or value, or a number is not positive.
        """
        name = schema.label.name if by is None else by
        found = check_strata(schema, name, "balanced")
        parts = {stratum_of(found, value): part for value, part in (shares or {}).items()}
        return cls(name, cap, dict(sorted(parts.items())))

    @property
    def settings(self) -> dict[str, object]:
        """See `Allocation`."""
        shares = {str(stratum): part for stratum, part in self.shares.items()}
        return {"allocation": "balanced", "by": self.by, "cap": self.cap, "shares": shares}

    def check(self, schema: Schema) -> None:
        """See `Allocation`."""
        check_strata(schema, self.by, "balanced")

    def strata(self, rows: Rows) -> NDArray[np.int64]:
        """See `Allocation`."""
        return strata_of(rows, self.by)

    def urgency(self, rank: NDArray[np.int64], stratum: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Allocation`."""
        urgency = rank / self.parts(stratum)
        if self.cap is not None:
            urgency[rank > self.cap] = np.inf
        return urgency

    def parts(self, stratum: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Allocation`."""
        parts = np.ones(len(stratum))
        for known, part in self.shares.items():
            parts[stratum == known] = part
        return parts
