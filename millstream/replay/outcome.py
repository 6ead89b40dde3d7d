"""What a replay came to: as a value, as a table for people, and as plain data for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

if TYPE_CHECKING:
    from trainer import Distance

__all__ = ["ArtifactReplay", "Likeness", "Replay", "replay_table", "tell_replays"]

DIGITS = 12  # of a digest, for people


class Likeness(StrEnum):
    """How like a replay is to what was recorded."""

    IDENTICAL = "identical"
    CLOSE = "within tolerance"
    OTHER = "differs"


@dataclass(frozen=True)
class Replay:
    """What the replay of a round came to.

    Attributes:
        round: its number.
        records: read again.
        recorded: SHA-256 of weights, optimizer and random state, as the marker has it.
        replayed: of the same after the replay.
        distance: of both, of a round that several workers or a GPU trained; None if only bits
            count.
        tolerance: what `distance` may be, relative to the largest number of each variable.
        differences: in what else is recorded, each with the recorded value first.
    """

    round: int
    records: int
    recorded: str
    replayed: str
    distance: Distance | None = None
    tolerance: float = 0.0
    differences: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether every bit is the same."""
        return self.likeness is Likeness.IDENTICAL

    @property
    def likeness(self) -> Likeness:
        """The verdict."""
        if self.differences:
            return Likeness.OTHER
        if self.recorded == self.replayed:
            return Likeness.IDENTICAL
        close = self.distance is not None and self.distance.within(self.tolerance)
        return Likeness.CLOSE if close else Likeness.OTHER

    def tell(self) -> str:
        """The verdict and what it rests on, for people."""
        told = [str(self.likeness)]
        if self.distance is not None and self.recorded != self.replayed:
            told.append(f"largest difference {self.distance.absolute:.2g}")
            told.append(f"relative {self.distance.relative:.2g} ({self.distance.variable})")
            told += [f"{name}: other whole numbers" for name in self.distance.uneven]
        return "; ".join([*told, *self.differences])

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return {**asdict(self), "verdict": str(self.likeness)}


@dataclass(frozen=True)
class ArtifactReplay:
    """What became of the exported bytes of a version.

    Attributes:
        version: as people write it.
        rung: of the compression ladder.
        recorded: SHA-256 of the bytes that are registered.
        replayed: SHA-256 of the bytes that were exported again; empty if they could not be.
        apart: the largest difference of two predictions for the round's test rows; None if the
            bytes are the same, as then there is none.
        tolerance: what `apart` may be; 0 after a replay that must give the same bits.
        note: why the bytes could not be exported again, or may be others.
    """

    version: str
    rung: str
    recorded: str
    replayed: str
    apart: float | None = None
    tolerance: float = 0.0
    note: str = ""

    @property
    def likeness(self) -> Likeness:
        """The verdict: bytes that predict the same are as good as the same bytes."""
        if self.recorded == self.replayed:
            return Likeness.IDENTICAL
        if self.apart is None or self.apart > self.tolerance:
            return Likeness.OTHER
        return Likeness.CLOSE if self.apart else Likeness.IDENTICAL

    def tell(self) -> str:
        """The verdict and what it rests on, for people."""
        if self.recorded == self.replayed:
            return f"{self.version} ({self.rung}): the same bytes, SHA-256 {self.recorded}"
        apart = "" if self.apart is None else f", predictions at most {self.apart:.2g} apart"
        return "; ".join(
            part
            for part in (
                f"{self.version} ({self.rung}): {self.likeness}",
                f"SHA-256 {self.recorded[:DIGITS]} registered, {self.replayed[:DIGITS] or 'none'}"
                f" exported again{apart}",
                self.note,
            )
            if part
        )

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return {**asdict(self), "verdict": str(self.likeness)}


def replay_table(replays: Sequence[Replay]) -> Table:
    """One line a round."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in ("round", "records"):
        table.add_column(name, justify="right")
    for name in ("recorded", "replayed"):
        table.add_column(name, no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for item in replays:
        table.add_row(
            str(item.round),
            f"{item.records:,}",
            item.recorded[:DIGITS],
            item.replayed[:DIGITS],
            item.tell(),
        )
    return table


def tell_replays(replays: Sequence[Replay], artifact: ArtifactReplay | None) -> dict[str, Any]:
    """All of it as plain data, for `--json`."""
    told: dict[str, Any] = {"rounds": [item.to_json() for item in replays]}
    return told if artifact is None else {**told, "artifact": artifact.to_json()}
