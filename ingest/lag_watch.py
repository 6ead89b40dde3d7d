"""How far the topics reach beyond what was read, as far as the broker tells."""

from __future__ import annotations

import logging
import time

from ingest.errors import SourceError
from ingest.position import Position
from ingest.source import Source

__all__ = ["LagWatch"]

log = logging.getLogger("millstream.ingest")

EVERY_S = 1.0
STALE_S = 5.0
"""Whoever has not been told for so long does not know: a question may wait longer for its answer,
such as at a broker that holds back what it has for a client of which it had enough."""


class LagWatch:
    """Asks a source for its end about once a second. For one thread; any may read what it knows.

    Args:
        source: is asked.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._end: Position | None = None
        self._lag: int | None = None
        self._asked = self._told = float("-inf")

    @property
    def end(self) -> Position | None:
        """Where the topics ended when the broker told last; None while it does not."""
        return self._end

    @property
    def lag(self) -> int | None:
        """Records beyond what was taken, about a second ago; None when nobody knows."""
        return self._lag if time.monotonic() - self._told < STALE_S else None

    def is_due(self) -> bool:
        """Whether it is time to ask again."""
        return time.monotonic() - self._asked > EVERY_S

    def look(self, taken: Position) -> None:
        """Ask, for what was taken so far; a broker that is silent is told of in the log."""
        try:
            self._end = self._source.end()
            self._lag, self._told = taken.records_to(self._end), time.monotonic()
        except SourceError as error:
            self._end = self._lag = None
            log.warning("the lag is unknown: %s", error)
        self._asked = time.monotonic()
