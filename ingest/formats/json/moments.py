"""Moments as RFC 3339 has them, compiled; `ingest.formats.moments` says what they mean."""

from __future__ import annotations

import numpy as np

from ingest.compiled import Bytes, compiled, signed
from ingest.formats.json.strings import DIGIT, QUOTE

__all__ = ["scan_moment"]

SHORTEST = 20
DASH, COLON, POINT, PLUS, ZERO, LETTER_T, LETTER_Z = 45, 58, 46, 43, 48, 84, 90
NONE = -1_000_000
MARKS = ((4, DASH), (7, DASH), (10, LETTER_T), (13, COLON), (16, COLON))
MONTHS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
BEFORE = np.cumsum(MONTHS) - MONTHS
EPOCH_DAY = 719_162


@compiled
def scan_moment(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    """A moment: (position behind its closing quote, milliseconds since the epoch).

    The position is -1 unless it is written as `2026-11-25T13:45:00.123Z` or with an offset instead
    of the Z, with no fraction or any number of digits.

    Args:
        buffer: the bytes.
        at: behind the quote that begins it.
        end: of the record, whose last byte is `}`.
    """
    if at + SHORTEST >= end or not _has_marks(buffer, at):
        return -1, 0
    days = _days(_pair(buffer, at) * 100 + _pair(buffer, at + 2), buffer, at + 5)
    hour, minute, second = (
        _pair(buffer, at + 11),
        _pair(buffer, at + 14),
        _pair(buffer, at + 17),
    )
    if days < 0 or not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        return -1, 0
    at, millis = _fraction(buffer, at + 19)
    at, offset = _offset(buffer, at, end) if at >= 0 else (at, 0)
    seconds = (((days - EPOCH_DAY) * 24 + hour) * 60 + minute - offset) * 60 + second
    return at, seconds * 1000 + millis


@compiled
def _has_marks(buffer: Bytes, at: int) -> bool:
    right = True
    for place, mark in MARKS:
        right &= buffer[at + place] == mark
    return right


@compiled
def _pair(buffer: Bytes, at: int) -> int:
    """A number of two digits; far below 0 if they are none."""
    if not (DIGIT[buffer[at]] and DIGIT[buffer[at + 1]]):
        return NONE
    number: int = (signed(buffer[at]) - ZERO) * 10 + signed(buffer[at + 1]) - ZERO
    return number


@compiled
def _days(year: int, buffer: Bytes, at: int) -> int:
    """Days from 0001-01-01 to the date whose `MM-DD` is at a position; -1 if there is none."""
    month, day = _pair(buffer, at), _pair(buffer, at + 3)
    if year < 1 or not 1 <= month <= 12:
        return -1
    leap: int = signed(year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))
    if not 1 <= day <= MONTHS[month] + (leap if month == 2 else 0):
        return -1
    past = year - 1
    whole: int = past * 365 + past // 4 - past // 100 + past // 400
    whole += BEFORE[month]
    return whole + (leap if month > 2 else 0) + day - 1


@compiled
def _fraction(buffer: Bytes, at: int) -> tuple[int, int]:
    """The milliseconds of a fraction, if there is one."""
    if buffer[at] != POINT:
        return at, 0
    at, first, millis, unit = at + 1, at + 1, 0, 100
    while DIGIT[buffer[at]]:
        millis += (signed(buffer[at]) - ZERO) * unit
        unit //= 10
        at += 1
    return (-1 if at == first else at), millis


@compiled
def _offset(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    """Minutes ahead of UTC, and the position behind the closing quote."""
    if at + 1 < end and buffer[at] == LETTER_Z:
        return (at + 2 if buffer[at + 1] == QUOTE else -1), 0
    if at + 6 >= end or buffer[at + 3] != COLON or buffer[at + 6] != QUOTE:
        return -1, 0
    hours, minutes = _pair(buffer, at + 1), _pair(buffer, at + 4)
    if not (0 <= hours < 24 and 0 <= minutes < 60):
        return -1, 0
    offset = hours * 60 + minutes
    if buffer[at] == PLUS:
        return at + 7, offset
    return (at + 7 if buffer[at] == DASH else -1), -offset
