"""Where a reader is: per partition, the next offset to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, final

from ingest.errors import PositionError

__all__ = ["Gap", "OffsetRange", "Position"]


@dataclass(frozen=True)
class OffsetRange:
    """The offsets `[start, end)` of one partition."""

    topic: str
    partition: int
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> OffsetRange:
        """The inverse of `to_json`."""
        return cls(**value)


@dataclass(frozen=True)
class Gap:
    """The offsets `[start, end)` of one partition that the broker no longer had when asked."""

    topic: str
    partition: int
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Gap:
        """The inverse of `to_json`."""
        return cls(**value)


@final
class Position:
    """Next offset to read, per partition of some topics. Immutable, hashable.

    A snapshot says what comes next, not what was last: after the record at offset 7, the position
    is 8. Its plain form is `{"flights": {"0": 8}}`.
    """

    __slots__ = ("_offsets",)

    def __init__(self, offsets: Mapping[str, Mapping[int, int]] | None = None) -> None:
        """Copy `{topic: {partition: next offset}}`.

        Raises:
            PositionError: a partition or an offset is not an integer of at least 0.
        """
        flat: dict[tuple[str, int], int] = {}
        for topic, partitions in (offsets or {}).items():
            for partition, offset in partitions.items():
                _check(topic, partition, offset)
                flat[topic, partition] = offset
        self._offsets = dict(sorted(flat.items()))

    @classmethod
    def of(cls, items: Iterable[tuple[str, int, int]]) -> Position:
        """The inverse of `items`: from (topic, partition, next offset), the last one counts.

        Raises:
            PositionError: a partition or an offset is not an integer of at least 0.
        """
        offsets: dict[str, dict[int, int]] = {}
        for topic, partition, offset in items:
            offsets.setdefault(topic, {})[partition] = offset
        return cls(offsets)

    def get(self, topic: str, partition: int) -> int | None:
        """The next offset of a partition; None when the position does not know it."""
        return self._offsets.get((topic, partition))

    def items(self) -> Iterator[tuple[str, int, int]]:
        """All (topic, partition, next offset), sorted."""
        return ((topic, partition, offset) for (topic, partition), offset in self._offsets.items())

    def advance(self, topic: str, partition: int, offset: int) -> Position:
        """A position that has `offset` for this partition, which may be new.

        Raises:
            PositionError: it would go back.
        """
        _check(topic, partition, offset)
        known = self.get(topic, partition)
        if known is not None and offset < known:
            raise PositionError(
                f"{topic}[{partition}]: expected an offset from {known} on, got {offset};"
                " a position never goes back"
            )
        return self._with({(topic, partition): offset})

    def advance_all(self, other: Position) -> Position:
        """A position that has the offsets of `other` where it names a partition.

        Raises:
            PositionError: it would go back.
        """
        for topic, partition, offset in other.items():
            self.advance(topic, partition, offset)
        return self._with(other._offsets)

    def ranges_to(self, end: Position) -> tuple[OffsetRange, ...]:
        """What lies from here to `end`, one range per partition; empty ranges are included.

        Raises:
            PositionError: one of the two names a partition that the other does not, or `end` lies
                before here.
        """
        for here, there, name in ((self, end, "start"), (end, self, "end")):
            for topic, partition in there._offsets.keys() - here._offsets.keys():
                raise PositionError(
                    f"{topic}[{partition}]: the {name} position does not know this partition;"
                    " both ends of a range must name the same partitions"
                )
        for topic, partition, offset in end.items():
            self.advance(topic, partition, offset)
        return tuple(
            OffsetRange(topic, partition, start, end._offsets[topic, partition])
            for topic, partition, start in self.items()
        )

    def records_to(self, end: Position) -> int:
        """How many offsets lie from here to `end`; partitions that one lacks do not count."""
        return sum(
            max(0, offset - start)
            for topic, partition, offset in end.items()
            if (start := self.get(topic, partition)) is not None
        )

    def to_json(self) -> dict[str, dict[str, int]]:
        """A plain form: `{topic: {"0": next offset}}`."""
        plain: dict[str, dict[str, int]] = {}
        for topic, partition, offset in self.items():
            plain.setdefault(topic, {})[str(partition)] = offset
        return plain

    @classmethod
    def from_json(cls, value: Mapping[str, Mapping[str, int]]) -> Position:
        """The inverse of `to_json`.

        Raises:
            PositionError: it is not of that form.
        """
        try:
            return cls({t: {int(p): o for p, o in part.items()} for t, part in value.items()})
        except (AttributeError, ValueError) as error:
            raise PositionError(
                f'position: expected {{"topic": {{"0": 1234}}}}, got {str(value)[:200]}'
            ) from error

    def _with(self, changed: Mapping[tuple[str, int], int]) -> Position:
        new = Position()
        new._offsets = dict(sorted({**self._offsets, **changed}.items()))
        return new

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Position) and self._offsets == other._offsets

    def __hash__(self) -> int:
        return hash(tuple(self._offsets.items()))

    def __repr__(self) -> str:
        parts: dict[str, dict[int, int]] = {}
        for topic, partition, offset in self.items():
            parts.setdefault(topic, {})[partition] = offset
        return f"Position({parts})"


def _check(topic: object, partition: object, offset: object) -> None:
    numbers = (partition, offset)
    if not isinstance(topic, str) or not all(type(n) is int and n >= 0 for n in numbers):
        raise PositionError(
            f"position: expected a topic, a partition and an offset of at least 0,"
            f" got {topic!r}, {partition!r}, {offset!r}"
        )
