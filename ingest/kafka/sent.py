"""What is on its way to the broker, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Sent", "SentRecords", "wait_for"]


class Sent(Protocol):
    """Some records of one partition on their way, in the order of sending."""

    @property
    def topic(self) -> str:
        """Where to."""

    @property
    def partition(self) -> int:
        """Of the topic."""

    @property
    def count(self) -> int:
        """Records."""

    @property
    def size(self) -> int:
        """Bytes, before compression."""

    @property
    def is_done(self) -> bool:
        """Whether each of the records is delivered or given up."""

    def wait(self, until: float) -> bool:
        """Wait until all are done, or until a moment of `time.monotonic`; whether they are."""

    def failures(self) -> list[BaseException]:
        """What the records failed with that were given up; to be asked when all are done."""

    def next_offset(self) -> int:
        """The offset after the last of the records, once all are delivered; may be too low."""


@dataclass(frozen=True, eq=False)
class SentRecords:
    """Records that were sent one by one, each with kafka-python's future; see `Sent`."""

    topic: str
    partition: int
    size: int
    futures: Sequence[Any]

    @property
    def count(self) -> int:
        """Records."""
        return len(self.futures)

    @property
    def is_done(self) -> bool:
        """See `Sent`."""
        return all(future.is_done for future in self.futures)

    def wait(self, until: float) -> bool:
        """See `Sent`."""
        wait_for(self.futures, until)
        return self.is_done

    def failures(self) -> list[BaseException]:
        """See `Sent`."""
        return [future.exception for future in self.futures if future.failed()]

    def next_offset(self) -> int:
        """See `Sent`."""
        return 1 + max(int(future.value.offset) for future in self.futures)


def wait_for(futures: Sequence[Any], until: float) -> None:
    """Wait for kafka-python's futures of records, for all together until a moment."""
    for future in futures:
        with suppress(Exception):  # what it failed with, or that it is late, is asked of it then
            future.get(timeout=max(0.0, until - time.monotonic()))
