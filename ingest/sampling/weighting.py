"""What a row weighs in a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ingest.rows import Rows
from ingest.schema import Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Weighting"]


class Weighting(Protocol):
    """Makes some rows likelier to be sampled than others.

    Guarantee: a row's weight is a function of the row alone.
    """

    @property
    def settings(self) -> dict[str, object]:
        """All that decides weights, as plain values."""

    def check(self, schema: Schema) -> None:
        """Raise SettingsError if rows of a schema have not what it looks at."""

    def log_weights(self, rows: Rows) -> NDArray[np.float64]:
        """float64[n]: the natural logarithm of each row's weight; -inf is never sampled."""

    def early(
        self, offsets: NDArray[np.int64], timestamps: NDArray[np.int64]
    ) -> NDArray[np.float64] | None:
        """`log_weights` of records of one partition that are not decoded yet.

        Returns:
            float64[n] or, for one that all have, [1]; None if what is in a record decides.
        """
