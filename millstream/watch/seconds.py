"""How long the parts of a round take. No number of here decides anything."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

__all__ = ["Seconds"]


class Seconds:
    """Adds up seconds by part; parts that contain others are not to be named."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._spent: dict[str, float] = {}

    def until_now(self, name: str) -> None:
        """Count all since the beginning that no part has claimed yet."""
        passed = time.perf_counter() - self._begun
        self._spent[name] = passed - sum(self._spent.values())

    def divide(self, name: str, shares: Mapping[str, float]) -> None:
        """Give a part to others in proportion to some numbers; what has no number stays as it is.

        Args:
            name: of the part; one of the others may have it.
            shares: by the names of the others, at least 0.
        """
        total = sum(shares.values())
        if total > 0.0 and name in self._spent:
            seconds = self._spent.pop(name)
            for part, share in shares.items():
                self._spent[part] = self._spent.get(part, 0.0) + seconds * share / total

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens within, also if it fails."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._spent[name] = self._spent.get(name, 0.0) + time.perf_counter() - begun

    def read(self) -> dict[str, float]:
        """Seconds by part so far, in the order in which the parts began to end."""
        return {name: round(seconds, 4) for name, seconds in self._spent.items()}
