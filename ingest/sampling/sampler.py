"""What a sampler is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ingest.rows import Rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Sampler", "SamplerState"]


@dataclass(frozen=True, eq=False)
class SamplerState:
    """All that a sampler has to remember.

    Attributes:
        settings: what the sampler was made with, as plain values; another one's are refused.
        seen: rows offered so far.
        rows: rows that are or may still come into the sample.
    """

    settings: Mapping[str, object]
    seen: int
    rows: Rows


class Sampler(Protocol):
    """Keeps a sample of the rows that it is offered.

    Guarantee: the sample is a function of the seed and the set of rows offered, however they were
    cut into offers, ordered, or spread over samplers that are merged later; a row offered twice
    counts once. A row that was no candidate when `candidates` was asked need not be offered: the
    sample is the same. Memory is bounded by the capacity, and a row a stratum.
    `ingest.sampling.checks.check_sampler` proves it for an implementation.
    """

    def offer(self, rows: Rows) -> None:
        """Consider some rows."""

    def candidates(
        self,
        topic: str,
        partition: int,
        offsets: NDArray[np.int64],
        timestamps: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Which records of a partition could enter the sample as it is now.

        This is asked before records are decoded, so that only candidates need to be. A sampler
        that has to know what is in a record says that all are.

        Args:
            topic: name.
            partition: of the records.
            offsets: int64[n].
            timestamps: int64[n], milliseconds; -1 where there is none.

        Returns:
            bool[n]: False for records that cannot enter whatever they hold, and never will.
        """

    def sample(self) -> Rows:
        """The sample, sorted by identity."""

    def weights(self) -> NDArray[np.float64]:
        """What each row of the sample stands for [Horvitz & Thompson 1952].

        Returns:
            float64[n], in the order of `sample`: the inverse of the chance that the row had to be
            in, given who else came. For any function f of rows, the sum of weight * f(row) over
            the sample has the sum of f over all rows that were offered as its expectation; but
            rows that can never be in count nowhere: those of weight 0, or larger than the bound.
        """

    def merge(self, other: Sampler) -> None:
        """Consider everything that another sampler has considered.

        Raises:
            SamplerError: its settings differ.
        """

    def get_state(self) -> SamplerState:
        """What `set_state` needs to go on from here."""

    def set_state(self, state: SamplerState) -> None:
        """Go on from a state.

        Raises:
            SamplerError: it is of a sampler with other settings.
        """
