"""The bar that a row has to pass to be held by a sampler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.sampling.places import Places

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Bar"]


class Bar:
    """Up to which key a row can enter, in one stratum or in each."""

    def __init__(
        self,
        strata: NDArray[np.int64] | None = None,
        entry: NDArray[np.float64] | None = None,
        highest: float = np.inf,
    ) -> None:
        self._known, self._entry = strata, entry
        self.strata = 0 if strata is None else len(strata)
        self.highest = highest

    @classmethod
    def of(cls, places: Places, stratified: bool) -> Bar:
        """The bar that those set who are first out."""
        if stratified:
            return cls(places.strata, places.entry)
        return cls(highest=float(places.entry[0]) if len(places.entry) else np.inf)

    def admits(
        self, keys: NDArray[np.float64], strata: NDArray[np.int64] | None
    ) -> NDArray[np.bool_]:
        """Bool[n]: which rows can enter; none of weight 0, whose key is inf, ever can."""
        admitted: NDArray[np.bool_] = np.isfinite(keys)
        if strata is None or self._known is None or self._entry is None or not self.strata:
            return admitted & (keys <= self.highest)
        at = np.minimum(np.searchsorted(self._known, strata), self.strata - 1)
        admitted &= (self._known[at] != strata) | (keys <= self._entry[at])
        return admitted
