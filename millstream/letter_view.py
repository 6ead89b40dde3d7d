"""How dead letters are shown: a table, counts, or JSON; and what "since" may be."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.table import Table
from rich.text import Text

from ingest.kafka.letter import Letter
from millstream.errors import UsageError

__all__ = ["LetterFilter", "letter_json", "letters_table", "parse_since", "summary_table"]

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class LetterFilter:
    """Which letters are shown; None does not ask.

    Attributes:
        kind: of what was wrong.
        topic: that the record was in.
        since: letters that were written from then on, milliseconds since the epoch.
    """

    kind: str | None = None
    topic: str | None = None
    since: int | None = None

    def wants(self, letter: Letter) -> bool:
        """Whether a letter is shown."""
        return (
            self.kind in (None, letter.kind)
            and self.topic in (None, letter.topic)
            and (self.since is None or letter.written >= self.since)
        )


def parse_since(text: str, now: datetime) -> int:
    """A moment as milliseconds since the epoch, from an ISO 8601 text or a time before now (30m).

    Raises:
        UsageError: it is neither.
    """
    short = re.fullmatch(r"(\d{1,9})([smhd])", text)
    try:
        if short is not None:
            moment = now - timedelta(**{UNITS[short[2]]: int(short[1])})
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f'--since: expected a moment such as 2025-03-01T12:00Z, or 30m, 2h, 7d, got "{text}"'
        ) from error
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)


def letters_table(letters: Iterable[Letter]) -> Table:
    """One line for each letter; the time is when the letter was written."""
    table = Table(header_style="bold", pad_edge=False)
    table.add_column("topic")
    for name in ("partition", "offset"):
        table.add_column(name, justify="right")
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for letter in letters:
        table.add_row(
            Text(letter.topic),
            str(letter.partition),
            str(letter.offset),
            _moment(letter.written),
            Text(letter.kind),
            Text(letter.reason),
        )
    return table


def summary_table(counts: Counter[tuple[str, str]]) -> Table:
    """Letters by topic and kind, the most frequent first."""
    table = Table(header_style="bold", pad_edge=False)
    table.add_column("topic")
    table.add_column("kind")
    table.add_column("letters", justify="right")
    for (topic, kind), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(Text(topic), Text(kind), f"{count:,}")
    return table


def letter_json(letter: Letter) -> str:
    """A letter as one line of JSON; bytes that are no UTF-8 are escaped with a backslash."""
    topic, partition, offset = letter.place
    return json.dumps(
        {
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "timestamp": letter.timestamp,
            "kind": letter.kind,
            "reason": letter.reason,
            "key": _text(letter.key),
            "value": _text(letter.value),
            "cut": list(letter.cut),
            "written": letter.written,
            "letter": {"topic": topic, "partition": partition, "offset": offset},
        },
        ensure_ascii=False,
    )


def _text(part: bytes | None) -> str | None:
    return None if part is None else part.decode(errors="backslashreplace")


def _moment(milliseconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"  # a clock that was far off has written it
