"""Who has a place in a sample whose rows lie with several workers.

Keys decide, and only keys are told: every worker sees the keys of what each holds, finds the same
places, and looks which of its own rows have one. A worker holds all of its rows that could have
one, as bottom-k samples merge (see `ingest.sampling.bottom_k`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.distributed.workers import Workers, gather_arrays
from ingest.sampling.bar import Bar
from ingest.sampling.order import Identities, order_by_key
from ingest.sampling.selection import Selection

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Keyed", "OwnPlaces", "find_places"]


@dataclass(frozen=True, eq=False)
class Keyed:
    """Rows as a selection sees them.

    Attributes:
        who: the rows are; topics have the same numbers on all workers.
        keys: float64[n].
        strata: int64[n], or None if there are none.
        sizes: int64[n], bytes of each row; None if they are not bounded.
    """

    who: Identities
    keys: NDArray[np.float64]
    strata: NDArray[np.int64] | None = None
    sizes: NDArray[np.int64] | None = None

    def told(self) -> dict[str, NDArray[np.generic]]:
        """All of it as arrays."""
        arrays: dict[str, NDArray[np.generic]] = {**self.who._asdict(), "keys": self.keys}
        if self.strata is not None:
            arrays["strata"] = self.strata
        if self.sizes is not None:
            arrays["sizes"] = self.sizes
        return arrays


@dataclass(frozen=True, eq=False)
class OwnPlaces:
    """What of a sample lies with a worker.

    Attributes:
        inside: intp[k], its rows that are in the sample, in the order of their keys.
        limits: float64[k], below which limit the key of each had to be.
        outside: intp[s], its rows that are the first of a stratum that are out.
        total: rows of the sample, with those of all workers.
        bar: what a row has to pass from now on.
    """

    inside: NDArray[np.intp]
    limits: NDArray[np.float64]
    outside: NDArray[np.intp]
    total: int
    bar: Bar


def find_places(selection: Selection, own: Keyed, workers: Workers | None = None) -> OwnPlaces:
    """Share the places of a sample among the rows of all workers.

    Args:
        selection: says who stays.
        own: the rows of this worker; those of another worker are others.
        workers: who hold the rows; None for a single one.
    """
    everyone, first = (own, 0) if workers is None else _everyone(own, workers)
    order = order_by_key(everyone.keys, everyone.who)
    found = selection.places(
        everyone.keys[order],
        None if everyone.strata is None else everyone.strata[order],
        None if everyone.sizes is None else everyone.sizes[order],
    )
    end = first + len(own.keys)
    inside, outside = order[found.inside], order[found.outside]
    mine = (first <= inside) & (inside < end)
    return OwnPlaces(
        inside[mine] - first,
        found.limits[mine],
        outside[(first <= outside) & (outside < end)] - first,
        len(inside),
        Bar.of(found, selection.allocation is not None),
    )


def _everyone(own: Keyed, workers: Workers) -> tuple[Keyed, int]:
    """The rows of all workers, and where those of this one begin."""
    told = gather_arrays(workers, own.told())
    whole = {name: np.concatenate([part[name] for part in told]) for name in told[0]}
    who = Identities(whole["topic"], whole["partition"], whole["offset"])
    first = sum(len(part["keys"]) for part in told[: workers.rank])
    return Keyed(who, whole["keys"], whole.get("strata"), whole.get("sizes")), first
