"""What decides the rows of a stream and their order."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.errors import SettingsError
from ingest.schema import Schema

__all__ = ["StreamSettings"]


@dataclass(frozen=True)
class StreamSettings:
    """What decides the rows of a stream, their order, and how they are read.

    Attributes:
        topics: names; sorted here.
        schema: of the records; None for records as they are.
        shuffle: rows of a window that is shuffled by identity; None for the order of offsets.
        seed: of the shuffle.
        share: (index, of): only partitions whose number modulo `of` is `index` are read.
        block_rows: offsets of a block, when it is not the window of a shuffle.
        block_bytes: most bytes of keys and values of a block, divided among its partitions.
        idle_s: an unbounded stream ends when no record came for so long; None for never.
        whole: fewer rows than these are not given at the end of a range.
        stall_s: reading fails when records that should be there do not come for so long.

    Raises:
        SettingsError: one is outside its range.
    """

    topics: tuple[str, ...]
    schema: Schema | None
    shuffle: int | None = None
    seed: int = 0
    share: tuple[int, int] = (0, 1)
    block_rows: int = 65_536
    block_bytes: int = 64 << 20
    idle_s: float | None = None
    whole: int = 1
    stall_s: float = 60.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "topics", tuple(sorted(set(self.topics))))
        if not self.topics or not all(self.topics):
            raise SettingsError("topics: expected at least one name of a topic, got none")
        for name in ("shuffle", "block_rows", "block_bytes", "whole"):
            value = getattr(self, name)
            if not (value is None and name == "shuffle") and not _is_count(value):
                raise SettingsError(f"{name}: expected a whole number of at least 1, got {value!r}")
        index, of = self.share
        if not 0 <= index < of:
            raise SettingsError(
                f"share: expected (index, of) with 0 <= index < of, got {self.share}"
            )
        for name in ("idle_s", "stall_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SettingsError(f"{name}: expected seconds above 0, got {value!r}")

    @property
    def rows(self) -> int:
        """Offsets of a block."""
        return self.shuffle or self.block_rows

    def takes(self, partition: int) -> bool:
        """Whether a partition is of this share."""
        return partition % self.share[1] == self.share[0]

    def deciding(self) -> dict[str, object]:
        """A plain form of what decides rows and order; a state fits no other."""
        return {
            "topics": list(self.topics),
            "schema": self.schema.fingerprint() if self.schema else None,
            "shuffle": self.shuffle,
            "seed": self.seed if self.shuffle else None,
            "share": list(self.share),
            "block_rows": self.rows,
            "block_bytes": self.block_bytes,
        }


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
