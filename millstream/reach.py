"""Whether MLflow, or the object store, answers; the service trains on without it."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from millstream.errors import ObjectStoreError
from registry import RegistryError, StoreUnavailable

__all__ = ["Reach"]

log = logging.getLogger("millstream")

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0
ADDRESS = re.compile(r"0x[0-9a-f]+")


class Reach:
    """Who does not answer is left alone for a while, which doubles up to a minute.

    A reason is logged when it comes up, not each time that it is still there.

    Args:
        clock: one that never jumps.
        who: is asked.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, who: str = "MLflow") -> None:
        self._clock, self._who = clock, who
        self._why = ""
        self._pause_s = 0.0
        self._next = 0.0
        self._told: set[str] = set()

    @property
    def why(self) -> str:
        """Why it took nothing the last time, on one line; empty if it did."""
        return self._why

    @property
    def is_due(self) -> bool:
        """Whether it may be asked now: it answered, or was left alone for long enough."""
        return not self._why or self._clock() >= self._next

    def failed(self, error: RegistryError | ObjectStoreError) -> None:
        """It did not answer, or did not take what it was given."""
        self._why = str(error).splitlines()[0]
        self._pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * self._pause_s))
        self._next = self._clock() + self._pause_s
        reason = ADDRESS.sub("", self._why)
        if reason in self._told:
            return
        self._told.add(reason)
        is_away = isinstance(error, StoreUnavailable | ObjectStoreError)
        level = logging.WARNING if is_away else logging.ERROR
        text = "%s; training goes on, and rounds wait until %s takes them"
        log.log(level, text, self._why, self._who)

    def answered(self) -> None:
        """It did what it was asked for."""
        if self._why:
            log.info("%s answers again", self._who)
        self._why, self._pause_s = "", 0.0
        self._told.clear()
