"""A part of a history: rows that came together, and which of them are still of interest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.rows import Rows
from ingest.sampling.selection import Selection, row_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Part"]


@dataclass(eq=False)
class Part:
    """Some rows of a history.

    Attributes:
        rows: in memory, or in the file of a segment.
        keys: float64[n].
        strata: int64[n], or None if there are none.
        sizes: int64[n], bytes of each row.
        kept: intp[m], the rows that are still of interest, ascending.
        name: of the segment that has the rows; None while they are in memory only.
    """

    rows: Rows
    keys: NDArray[np.float64]
    strata: NDArray[np.int64] | None
    sizes: NDArray[np.int64]
    kept: NDArray[np.intp]
    name: str | None = None

    @classmethod
    def of(cls, rows: Rows, selection: Selection, name: str | None = None) -> Part:
        """All of some rows."""
        everything = np.arange(len(rows))
        keys, strata = selection.keys(rows), selection.strata(rows)
        return cls(rows, keys, strata, row_bytes(rows), everything, name)

    @property
    def kept_bytes(self) -> int:
        """Of the rows that are still of interest."""
        return int(self.sizes[self.kept].sum())

    def thinned(self) -> Part:
        """The rows of interest alone, in memory."""
        kept = self.kept
        strata = None if self.strata is None else self.strata[kept]
        everything = np.arange(len(kept))
        return Part(self.rows.take(kept), self.keys[kept], strata, self.sizes[kept], everything)

    def is_thin(self) -> bool:
        """Whether most of the rows, or of their bytes, are of no interest any more."""
        return 2 * len(self.kept) < len(self.rows) or 2 * self.kept_bytes < self.sizes.sum()
