"""The share of bad records among the last ones, across windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.errors import BadRatioExceeded

__all__ = ["BadRatio"]


@dataclass
class Tally:
    """Records, and the bad ones of them by kind."""

    seen: int = 0
    kinds: Counter[str] = field(default_factory=Counter)


class BadRatio:
    """Watches the share of bad records among the last `min_records` or somewhat more.

    Guarantee: nothing is said before `min_records` were counted; from then on the share is over at
    least so many, and a record is forgotten after at most `2 * min_records` later ones and the
    `add` that they are completed by.

    Args:
        max_ratio: share past which there are too many.
        min_records: records before the share counts.
    """

    def __init__(self, max_ratio: float, min_records: int) -> None:
        self._max_ratio = max_ratio
        self._min_records = min_records
        self._before = Tally()
        self._now = Tally()

    def add(self, seen: int, kinds: Mapping[str, int]) -> None:
        """Count some more records, and the bad ones of them by kind."""
        if self._now.seen >= self._min_records:
            self._before, self._now = self._now, Tally()
        self._now.seen += seen
        self._now.kinds.update(kinds)

    def exceeded(self) -> BadRatioExceeded | None:
        """The error to raise; None as long as the share is fine."""
        seen = self._before.seen + self._now.seen
        kinds = self._before.kinds + self._now.kinds
        bad = kinds.total()
        if seen < self._min_records or bad <= self._max_ratio * seen:
            return None
        worst = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common(3))
        return BadRatioExceeded(
            f"{bad} of {seen} records are bad ({worst}), more than"
            f" kafka.max_bad_ratio = {self._max_ratio} allows; the dead-letter topic has each"
            " with its reason; correct the producer or [schema], or raise the ratio"
        )
