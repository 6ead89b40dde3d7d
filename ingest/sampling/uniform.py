"""Uniform: every row weighs the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.rows import Rows
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["UNIFORM", "Uniform"]


@dataclass(frozen=True)
class Uniform:
    """Every row weighs the same; a `Weighting`."""

    @property
    def settings(self) -> dict[str, object]:
        """See `Weighting`."""
        return {"weighting": "uniform"}

    def check(self, _schema: Schema) -> None:
        """See `Weighting`."""

    def log_weights(self, rows: Rows) -> NDArray[np.float64]:
        """See `Weighting`."""
        return np.zeros(len(rows))

    def early(
        self, _offsets: NDArray[np.int64], _timestamps: NDArray[np.int64]
    ) -> NDArray[np.float64] | None:
        """See `Weighting`."""
        return np.zeros(1)


UNIFORM = Uniform()
