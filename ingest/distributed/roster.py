"""Who is trained on in a round, with every worker: rows by identity, and which are one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.distributed.workers import Workers, gather_arrays
from ingest.rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Roster"]


@dataclass(frozen=True, eq=False)
class Roster:
    """The rows of all workers, sorted by identity, as numbers.

    Attributes:
        rows: who they are; without columns, as these stay with their workers.
        weight: float64[n], what each row stands for.
        place: intp[n], of a row among this worker's own; -1 if it is another's.
        share: int32[n], the number of a row's partition among those that have rows.
    """

    rows: Rows
    weight: NDArray[np.float64]
    place: NDArray[np.intp]
    share: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, rows: Rows, weights: NDArray[np.float64], workers: Workers) -> Roster:
        """That of the rows of all workers; all of them call it.

        Args:
            rows: of this worker; the topics are the same on all.
            weights: float64[n], what each stands for.
            workers: of the round.
        """
        own = {name: getattr(rows, name) for name in ("topic", "partition", "offset", "timestamp")}
        told = gather_arrays(workers, {**own, "weight": np.asarray(weights, np.float64)})
        first = sum(len(each["weight"]) for each in told[: workers.rank])
        whole = {name: np.concatenate([each[name] for each in told]) for name in told[0]}
        order = np.lexsort((whole["offset"], whole["partition"], whole["topic"]))
        place = np.full(len(order), -1, np.intp)
        place[first : first + len(rows)] = np.arange(len(rows))
        weight = whole.pop("weight")[order]
        everyone = Rows(rows.topics, **whole, columns={}).take(order)
        begins = (np.diff(everyone.topic) != 0) | (np.diff(everyone.partition) != 0)
        share = np.concatenate([[0], np.cumsum(begins)]).astype(np.int32)[: len(order)]
        return cls(everyone, weight, place[order], share)

    def of_own(self, column: NDArray[Any]) -> NDArray[Any]:
        """Of an array [n], what belongs to the worker's own rows, in their order."""
        is_own = self.place >= 0
        found = np.empty(int(is_own.sum()), column.dtype)
        found[self.place[is_own]] = column[is_own]
        return found
