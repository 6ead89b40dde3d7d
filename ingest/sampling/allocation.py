"""How the places of a sample are shared among strata: classes, or values of another field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ingest.rows import Rows
from ingest.schema import Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Allocation"]


class Allocation(Protocol):
    """Decides which stratum gets the next place of a sample.

    Each stratum's rows stand in a line, by their keys. The sample is made of those with the
    smallest `urgency`, and of equal ones, of those with the smallest keys. As more rows come, a
    row only moves back in its line, so that one that is out stays out: that makes such a sample
    independent of order and cuts, and mergeable.
    """

    @property
    def settings(self) -> dict[str, object]:
        """All that decides places, as plain values."""

    def check(self, schema: Schema) -> None:
        """Raise SettingsError if rows of a schema have not what it looks at."""

    def strata(self, rows: Rows) -> NDArray[np.int64]:
        """int64[n]: the stratum of each row, a function of the row alone."""

    def urgency(self, rank: NDArray[np.int64], stratum: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64[n]: smaller goes first; inf never enters.

        Args:
            rank: int64[n], places in the line, from 1; urgency never falls along a line.
            stratum: int64[n].
        """

    def parts(self, stratum: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """float64[n]: how much of places and bytes a stratum gets, beside others; more than 0.

        It is asked for only if bytes are bounded and rows differ in size.

        Returns:
            None if that cannot be said; bytes of such rows cannot be bounded then.
        """
