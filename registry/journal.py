"""The journal of promotions: who moved `champion` from which version to which, when and why.

Where it is:
    tag `millstream.promotion` of the registered model: the newest entry, `begun` until all is done
    tag `millstream.promotion.000017` of the version that it led to: the entry, for good
    tag of that name of the version's run: the same, once the version was pruned

An entry is a JSON object of less than 5,000 characters, which every MLflow store takes. No tag of
the registered model grows with the number of promotions, so each read of an alias stays small.
"""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

__all__ = [
    "NEWEST",
    "Promotion",
    "State",
    "entries_of",
    "in_order",
    "this_host",
    "this_user",
    "was_champion",
]

NEWEST = "millstream.promotion"
PREFIX = NEWEST + "."
LONGEST_REASON = 1000
State = Literal["begun", "done", "overtaken"]


@dataclass(frozen=True)
class Promotion:
    """One move of the alias `champion`.

    Attributes:
        number: from 1, without gaps, in the order of the moves.
        from_version: what was the champion; None if there was none.
        to_version: what is to be it.
        who: "millstream service", or the person's name on their machine.
        host: where.
        when: when, UTC, ISO 8601 with milliseconds.
        why: the gate's reason, or the person's.
        state: "begun": not all is written; "done"; "overtaken": somebody else, who does not take
            turns, moved the alias in between.
    """

    number: int
    from_version: int | None
    to_version: int
    who: str
    host: str
    when: str
    why: str
    state: State = "begun"

    @classmethod
    def new(cls, number: int, move: tuple[int | None, int], who: str, why: str) -> Promotion:
        """An entry of this host and this moment; `move` is (from, to)."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return cls(number, *move, who, this_host(), now, why[:LONGEST_REASON])

    @classmethod
    def parse(cls, text: str) -> Promotion | None:
        """An entry from a tag's value; None if it is none. Keys that it does not know are ignored.

        So entries of a later release count, and numbers go on after them.
        """
        try:
            found = json.loads(text)
            return cls(**{name: found[name] for name in cls.__dataclass_fields__})
        except (KeyError, ValueError, TypeError):
            return None

    @property
    def tag(self) -> str:
        """The name of its tag on the version."""
        return f"{PREFIX}{self.number:06d}"

    def ended(self, state: State) -> Promotion:
        """The same in another state."""
        return replace(self, state=state)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def to_text(self) -> str:
        """A tag's value."""
        return json.dumps(self.to_json(), ensure_ascii=False)


def this_user() -> str:
    """The name of who runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"


def this_host() -> str:
    """The name of this machine."""
    return socket.gethostname()


def entries_of(tags: Mapping[str, str]) -> list[Promotion]:
    """The entries among a version's or a run's tags."""
    found = (Promotion.parse(value) for key, value in tags.items() if key.startswith(PREFIX))
    return [entry for entry in found if entry is not None]


def was_champion(tags: Mapping[str, str]) -> bool:
    """Whether a move led to the version that has these tags, however it went on."""
    return any(entry.state == "done" for entry in entries_of(tags))


def in_order(entries: Iterable[Promotion]) -> list[Promotion]:
    """Each entry once, in the order of the moves."""
    once = {entry.number: entry for entry in entries}
    return [once[number] for number in sorted(once)]
