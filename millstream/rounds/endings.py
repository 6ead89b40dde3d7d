"""When the service ends by itself: caught up and idle, no broker, no progress."""

from __future__ import annotations

from millstream.errors import NoProgressError, StackError
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.rounds.unreadable import read_all

__all__ = ["Idleness", "Silence", "check_progress"]

MOST_FAILURES = 3
MOST_SILENCE_S = 60.0


class Idleness:
    """Tells when all records have been read and none has come for a while.

    It has no clock of its own, as several workers are to end at the same time.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._count = -1
        self._since = 0.0

    def reached(self, count: int, lag: int | None, now: float) -> bool:
        """Whether `count` has stayed the same, with nothing left to read, for so many seconds."""
        if count != self._count or lag != 0:
            self._count, self._since = count, now
        return self._seconds is not None and now - self._since >= self._seconds


class Silence:
    """Ends the service when the broker has not answered for long; without a clock of its own."""

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self._since: float | None = None

    def check(self, lag: int | None, now: float) -> None:
        """Take note of whether the broker told the lag.

        Raises:
            StackError: it has not for a minute of checks.
        """
        if lag is not None:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since > MOST_SILENCE_S:
            raise StackError(
                f"the broker at {self._servers} has not answered for {MOST_SILENCE_S:.0f} s;"
                " start it again, then this; no record is lost"
            )


def check_progress(store: RoundStore) -> None:
    """End the service when no round can be trained any more.

    Raises:
        NoProgressError: the last rounds all failed; one that cannot be read counts as trained.
    """
    reports = read_all(store.complete()[-MOST_FAILURES:], RoundFolder.report)
    reasons = [report.get("training", {}).get("diverged") for report in reports]
    if len(reasons) == MOST_FAILURES and all(reasons):
        raise NoProgressError(
            f"the last {MOST_FAILURES} rounds could not be trained, the latest because"
            f" {reasons[-1]}; correct the model, the learning rate or the ranges in [schema]"
        )
