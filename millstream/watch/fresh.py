"""Keeps what is told of a running service up to date, a few times a second."""

from __future__ import annotations

from millstream.opening import Running
from millstream.workers.readings import Reading, together

__all__ = ["FRESH_S", "keep_fresh"]

FRESH_S = 0.25


def keep_fresh(running: Running) -> None:
    """Bring the board's counters and the status file up to date; the first worker does it for all.

    The others tell it what they have read.
    """
    own = reading_of(running)
    if not running.pipeline.is_chief:
        running.readings.tell(own)
        return
    board, whole = running.pipeline.board, together([own, running.readings.look()])
    board.count(whole.records, whole.bad, whole.pending)
    board.update(
        lag=whole.lag,
        unchecked=whole.unchecked,
        dead_letters=whole.kinds,
        partitions=whole.partitions,
    )
    board.save()


def reading_of(running: Running) -> Reading:
    """What this worker has read."""
    intake, totals = running.intake, running.intake.totals()
    return Reading(
        records=totals.records,
        bad=totals.bad,
        unchecked=totals.unchecked,
        pending=intake.pending()[0],
        lag=intake.lag(),
        kinds=dict(totals.kinds),
        partitions=running.flow.look(intake.position(), intake.end()),
    )
