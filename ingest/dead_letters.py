"""Dead letters: where bad records go, with the reason, so that none vanishes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ingest.formats.decoder import BadRecord
from ingest.position import Position
from ingest.records import RecordBatch

__all__ = ["DeadLetters", "NoDeadLetters"]


class DeadLetters(Protocol):
    """Takes bad records.

    Guarantee: when `flush` returns, every record that was sent before is delivered. Memory is
    bounded: `send` waits while too much is on its way. Whoever is opened with the `position` that
    an earlier one told delivers none of the records from there on a second time.
    """

    def send(self, batch: RecordBatch, bad: Sequence[BadRecord]) -> None:
        """Take the bad records of a batch."""

    def flush(self) -> None:
        """Wait until all are delivered."""

    def position(self, accounted: Position) -> Position:
        """From where on the letters of records from `accounted` on are found; to be saved with it.

        To be asked after a `flush`, when no record from `accounted` on was sent since the last
        start, or before one that is not to be delivered twice.
        """

    def close(self) -> None:
        """Release connections and threads; harmless when repeated."""


class NoDeadLetters:
    """Drops bad records: for replays, whose bad records were delivered the first time."""

    def send(self, batch: RecordBatch, bad: Sequence[BadRecord]) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""

    def position(self, accounted: Position) -> Position:  # noqa: ARG002 - as in the protocol
        """Nowhere."""
        return Position()

    def close(self) -> None:
        """Do nothing."""
