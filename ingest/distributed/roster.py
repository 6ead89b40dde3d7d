"""Who is trained on in a round, with every worker: rows by identity, and which are one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.distributed.workers import Workers, gather_arrays
from ingest.identity import hash64
from ingest.rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Roster"]


@dataclass(frozen=True, eq=False)
class Roster:
    """The rows of all workers, sorted by identity, as numbers.

    Attributes:
        topics: names, sorted.
        topic: int32[n], index into `topics`.
        partition: int32[n].
        offset: int64[n].
        weight: float64[n], what each row stands for.
        place: intp[n], of a row among this worker's own; -1 if it is another's.
        share: int32[n], the number of a row's partition among those that have rows.
    """

    topics: tuple[str, ...]
    topic: NDArray[np.int32]
    partition: NDArray[np.int32]
    offset: NDArray[np.int64]
    weight: NDArray[np.float64]
    place: NDArray[np.intp]
    share: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.offset)

    @classmethod
    def of(cls, rows: Rows, weights: NDArray[np.float64], workers: Workers) -> Roster:
        """That of the rows of all workers; all of them call it.

        Args:
            rows: of this worker; the topics are the same on all.
            weights: float64[n], what each stands for.
            workers: of the round.
        """
        told = gather_arrays(
            workers,
            {
                "topic": rows.topic,
                "partition": rows.partition,
                "offset": rows.offset,
                "weight": np.asarray(weights, np.float64),
            },
        )
        first = sum(len(each["offset"]) for each in told[: workers.rank])
        whole = {name: np.concatenate([each[name] for each in told]) for name in told[0]}
        order = np.lexsort((whole["offset"], whole["partition"], whole["topic"]))
        place = np.full(len(order), -1, np.intp)
        place[first : first + len(rows)] = np.arange(len(rows))
        whole = {name: column[order] for name, column in whole.items()}
        begins = (np.diff(whole["topic"]) != 0) | (np.diff(whole["partition"]) != 0)
        share = np.concatenate([[0], np.cumsum(begins)]).astype(np.int32)[: len(order)]
        return cls(rows.topics, **whole, place=place[order], share=share)

    @property
    def own(self) -> NDArray[np.bool_]:
        """Bool[n]: which rows are this worker's own."""
        is_own: NDArray[np.bool_] = self.place >= 0
        return is_own

    def of_own(self, column: NDArray[np.generic]) -> NDArray[np.generic]:
        """Of an array [n], what belongs to the worker's own rows, in their order."""
        found = np.empty(int(self.own.sum()), column.dtype)
        found[self.place[self.own]] = column[self.own]
        return found

    def epoch_order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """int64[n]: the rows in the order of an epoch; see `ingest.dataset.epoch_order`."""
        identity = (self.topics, self.topic, self.partition, self.offset)
        bits = hash64(seed, "shuffle", *identity, epoch=epoch)
        return np.lexsort((self.offset, self.partition, self.topic, bits))
