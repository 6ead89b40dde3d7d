"""Where a stream is: enough to go on after any row, none lost and none twice."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.durable import replacing
from ingest.errors import PositionError, SettingsError
from ingest.position import Position

__all__ = ["StreamState"]

VERSION = 1
Identity = tuple[str, int, int]


@dataclass(frozen=True)
class StreamState:
    """What of a stream was given. It says how to go on, and holds no rows.

    Attributes:
        begin: where the epochs begin.
        end: where they end; None for an unbounded stream.
        epoch: how many epochs came before this one.
        block_start: where the block begins that is being given; what is before was given.
        block_end: where it ends; equal to its start between blocks.
        after: topic, partition and offset of the row of the block that was given last, in the
            block's order: it and all rows before it were given. None if none of the block was.
        settings: what the stream's rows and their order depend on.
    """

    begin: Position
    end: Position | None
    epoch: int
    block_start: Position
    block_end: Position
    after: Identity | None
    settings: Mapping[str, object]

    @property
    def position(self) -> Position:
        """The next offset per partition, such that all before it were given or are bad.

        Without a shuffle it is exact: no row from it on was given. With one, rows from it up to
        `block_end` may have been given; only the state knows which.
        """
        if self.after is None or self.settings.get("shuffle"):
            return self.block_start
        topic, partition, offset = self.after
        before = [item for item in self.block_end.items() if item[:2] < (topic, partition)]
        passed = [*self.block_start.items(), *before, (topic, partition, offset + 1)]
        return Position.of(passed)

    @property
    def is_finished(self) -> bool:
        """Whether all of the epoch was given; an unbounded stream never is."""
        return self.end is not None and self.after is None and self.block_start == self.end

    def check(self, settings: Mapping[str, object]) -> None:
        """See that it is a state of a stream with these settings.

        Raises:
            SettingsError: it is not; with both values.
        """
        for name in {**settings, **self.settings}:
            was, now = self.settings.get(name), settings.get(name)
            if was != now:
                raise SettingsError(
                    f"the state is of a stream with {name} = {was!r}, this one has {now!r}; set it"
                    " back, or start at the state's position to begin a new range there"
                )

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return {
            "version": VERSION,
            "begin": self.begin.to_json(),
            "end": self.end and self.end.to_json(),
            "epoch": self.epoch,
            "block_start": self.block_start.to_json(),
            "block_end": self.block_end.to_json(),
            "after": self.after and list(self.after),
            "settings": dict(self.settings),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StreamState:
        """The inverse of `to_json`.

        Raises:
            PositionError: it is not of that form, or of another version.
        """
        if not isinstance(value, Mapping) or value.get("version") != VERSION:
            version = value.get("version") if isinstance(value, Mapping) else value
            raise PositionError(
                f"state of a stream: expected version {VERSION}, got {str(version)[:100]!r}"
            )
        try:
            end, after = value["end"], value["after"]
            return cls(
                begin=Position.from_json(value["begin"]),
                end=None if end is None else Position.from_json(end),
                epoch=int(value["epoch"]),
                block_start=Position.from_json(value["block_start"]),
                block_end=Position.from_json(value["block_end"]),
                after=None if after is None else (str(after[0]), int(after[1]), int(after[2])),
                settings=dict(value["settings"]),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise PositionError(f"state of a stream: it is not whole: {error!r}") from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON, durably: the file has this state or the one before, never a part."""
        with replacing(Path(path)) as file:
            file.write(json.dumps(self.to_json()).encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> StreamState:
        """Read what `save` wrote.

        Raises:
            PositionError: there is no such file, or it is damaged.
        """
        try:
            return cls.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise PositionError(f"{path}: expected the state of a stream: {error}") from error
