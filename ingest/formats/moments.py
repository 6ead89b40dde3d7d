"""Moments in time as milliseconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

__all__ = ["milliseconds_of", "parse_rfc3339"]

RFC3339 = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?"
    r"(?:[Zz]|([+-])(\d{2}):(\d{2}))",
    re.ASCII,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = date(1970, 1, 1).toordinal()


def parse_rfc3339(text: str) -> int | None:
    """The moment that a text of RFC 3339 names, with its offset or Z; None if it names none.

    What is finer than a millisecond is dropped, towards the past. A leap second is none.
    """
    found = RFC3339.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    fraction, sign = found[7] or "", found[8]
    ahead = int(found[9] or 0), int(found[10] or 0)
    if hour > 23 or max(minute, second, ahead[1]) > 59 or ahead[0] > 23:
        return None
    try:
        days = date(year, month, day).toordinal() - EPOCH_DAY
    except ValueError:
        return None
    offset = (ahead[0] * 60 + ahead[1]) * (-1 if sign == "-" else 1)
    seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second
    return seconds * 1000 + int((fraction + "000")[:3])


def milliseconds_of(moment: datetime) -> int | None:
    """The moment of a datetime, dropping what is finer; None without a zone."""
    if moment.utcoffset() is None:
        return None
    past = moment - EPOCH
    return (past.days * 86_400 + past.seconds) * 1000 + past.microseconds // 1000
