"""Stratified: a fair sample, but with some rows at least of each value of a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import SettingsError
from ingest.rows import Rows
from ingest.sampling.strata import check_strata, strata_of
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Stratified"]


@dataclass(frozen=True)
class Stratified:
    """`least` rows of each stratum that has so many, the other places in proportion.

    An `Allocation`. If the strata's least rows alone are too many, the smallest keys decide.

    Attributes:
        by: the field of the strata.
        least: rows of a stratum at least.

    Raises:
        SettingsError: the number is not positive.
    """

    by: str
    least: int

    def __post_init__(self) -> None:
        if self.least < 1:
            raise SettingsError(f"stratified: expected least of at least 1, got {self.least}")

    @classmethod
    def of(cls, schema: Schema, by: str, least: int) -> Stratified:
        """Stratified by a field of a schema.

        Raises:
            SettingsError: there is no such field, or the number is not positive.
        """
        check_strata(schema, by, "stratified")
        return cls(by, least)

    @property
    def settings(self) -> dict[str, object]:
        """See `Allocation`."""
        return {"allocation": "stratified", "by": self.by, "least": self.least}

    def check(self, schema: Schema) -> None:
        """See `Allocation`."""
        check_strata(schema, self.by, "stratified")

    def strata(self, rows: Rows) -> NDArray[np.int64]:
        """See `Allocation`."""
        return strata_of(rows, self.by)

    def urgency(self, rank: NDArray[np.int64], _stratum: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Allocation`."""
        return (rank > self.least).astype(np.float64)

    def parts(self, _stratum: NDArray[np.int64]) -> None:
        """See `Allocation`; what the least rows leave of the bytes may grow as rows come."""
        return
