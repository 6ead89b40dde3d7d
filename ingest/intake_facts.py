"""What an intake tells of itself: how far it has come, and what its time went into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from ingest.position import Position

__all__ = ["IntakeSeconds", "IntakeTotals", "Progress", "Unpacks"]


@dataclass(frozen=True)
class IntakeTotals:
    """Records since the start of the intake: all, bad ones, those not checked, and bad by kind."""

    records: int = 0
    bad: int = 0
    unchecked: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class IntakeSeconds:
    """What the time of an intake's thread went into since its start, in seconds.

    Attributes:
        broker: waiting for records of which the broker had told that they are there.
        idle: waiting for records that nobody knew of.
        decode: unpacking, decoding and sampling records.
        full: waiting for a window to be cut, as no more fit into it.
    """

    broker: float = 0.0
    idle: float = 0.0
    decode: float = 0.0
    full: float = 0.0

    def plus(self, part: str, seconds: float) -> IntakeSeconds:
        """As many more seconds of one part."""
        return replace(self, **{part: getattr(self, part) + max(0.0, seconds)})

    def minus(self, earlier: IntakeSeconds) -> IntakeSeconds:
        """What came since an earlier look."""
        return IntakeSeconds(
            self.broker - earlier.broker,
            self.idle - earlier.idle,
            self.decode - earlier.decode,
            self.full - earlier.full,
        )


@dataclass(frozen=True)
class Progress:
    """How far the intake had come after a step; replaced as a whole, so it needs no lock."""

    pending: int
    full: bool
    first: float | None
    totals: IntakeTotals
    position: Position


@runtime_checkable
class Unpacks(Protocol):
    """A source that tells how long its polls unpacked records, which is no waiting for a broker."""

    @property
    def unpacking_s(self) -> float:
        """Seconds of all polls so far."""
