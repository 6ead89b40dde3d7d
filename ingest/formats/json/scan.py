"""Strict JSON (RFC 8259) over bytes, compiled: numbers, and values that are ignored.

What a function here accepts is JSON; what it does not may still be, and is left to the parser of
single records. Positions count from the beginning of the buffer, and -1 stands for what is not
understood. All functions rely on `buffer[end - 1]` being `}`: no number, word or white space goes
on past it, so only strings and closing brackets can reach `end`.
"""

from __future__ import annotations

import numpy as np

from ingest.compiled import Bytes, Longs, compiled, signed
from ingest.formats.json.record import MAX_DEPTH
from ingest.formats.json.strings import DIGIT, QUOTE, scan_string, skip_space

__all__ = [
    "DEEPEST",
    "INTEGER",
    "STACK",
    "UNSURE",
    "scan_number",
    "skip_value",
    "skip_word",
]

UNSURE, INTEGER, REAL = -1, 0, 1
COMMA, COLON, OPEN_LIST, OPEN_OBJECT, TO_CLOSE = 44, 58, 91, 123, 2
MINUS, PLUS, POINT, ZERO, LOWER, LETTER_E = 45, 43, 46, 48, 32, 101
LETTER_T, LETTER_F = 116, 102
MOST_DIGITS = 19
# In the memory of a call, and how deep a value may be nested within a record.
STACK, DEEPEST = 8, MAX_DEPTH - 1
FARTHEST = 100_000
TRUE, FALSE, NULL = (np.frombuffer(word, np.uint8) for word in (b"true", b"false", b"null"))


@compiled
def scan_number(buffer: Bytes, at: int) -> tuple[int, int, bool, np.uint64, int]:
    """A number: (position behind it, kind, negative, mantissa, exponent of ten).

    The kind is INTEGER, REAL, or UNSURE if the mantissa does not fit 64 bits.
    """
    negative = buffer[at] == MINUS
    if negative:
        at += 1
    first = at
    at, mantissa = _scan_digits(buffer, at, np.uint64(0))
    count, exponent, kind = at - first, 0, INTEGER
    if count == 0 or (count > 1 and buffer[first] == ZERO):
        return -1, UNSURE, negative, mantissa, 0
    if buffer[at] == POINT:
        begin, kind = at + 1, REAL
        at, mantissa = _scan_digits(buffer, begin, mantissa)
        exponent = begin - at
        count -= exponent
        if exponent == 0:
            return -1, UNSURE, negative, mantissa, 0
    if buffer[at] | LOWER == LETTER_E:
        at, power = _scan_exponent(buffer, at + 1)
        exponent, kind = exponent + power, REAL
    if count > MOST_DIGITS and _significant(buffer, first) > MOST_DIGITS:
        kind = UNSURE
    return at, kind, negative, mantissa, exponent


@compiled
def _scan_digits(buffer: Bytes, at: int, mantissa: np.uint64) -> tuple[int, np.uint64]:
    while DIGIT[buffer[at]]:
        mantissa = mantissa * np.uint64(10) + np.uint64(buffer[at] - ZERO)
        at += 1
    return at, mantissa


@compiled
def _scan_exponent(buffer: Bytes, at: int) -> tuple[int, int]:
    negative = buffer[at] == MINUS
    if negative or buffer[at] == PLUS:
        at += 1
    first, power = at, 0
    while DIGIT[buffer[at]]:
        if power < FARTHEST:
            power = power * 10 + signed(buffer[at]) - ZERO
        at += 1
    return (-1 if at == first else at), (-power if negative else power)


@compiled
def _significant(buffer: Bytes, at: int) -> int:
    """Digits of a number from the first that is not 0."""
    while buffer[at] == ZERO or buffer[at] == POINT:
        at += 1
    count = 0
    while DIGIT[buffer[at]] or buffer[at] == POINT:
        count += DIGIT[buffer[at]]
        at += 1
    return count


@compiled
def skip_word(buffer: Bytes, at: int) -> int:
    """The position behind true, false or null."""
    byte = buffer[at]
    word = TRUE if byte == LETTER_T else FALSE if byte == LETTER_F else NULL
    for letter in word:
        if buffer[at] != letter:
            return -1
        at += 1
    return at


@compiled
def skip_value(buffer: Bytes, at: int, end: int, memory: Longs) -> int:
    """The position behind any value, checked; the memory has the stack of what is open."""
    depth = signed(0)
    while at >= 0:
        at, depth, whole = _begin(buffer, at, end, memory, depth)
        while whole and at >= 0:
            if depth == 0:
                return at
            at, depth, whole = _go_on(buffer, at, end, memory, depth)
    return -1


@compiled
def _begin(buffer: Bytes, at: int, end: int, memory: Longs, depth: int) -> tuple[int, int, bool]:
    """A scalar or an empty list or object, which is whole, or the beginning of a longer one."""
    byte = buffer[at]
    if byte == OPEN_OBJECT or byte == OPEN_LIST:  # noqa: SIM109 - numba
        if depth == DEEPEST:
            return -1, depth, False
        at = skip_space(buffer, at + 1) if at + 1 < end else -1
        if at >= 0 and buffer[at] == byte + TO_CLOSE:
            return at + 1, depth, True
        memory[STACK + depth] = byte
        if at >= 0 and byte == OPEN_OBJECT:
            at = _skip_key(buffer, at, end)
        return at, depth + 1, False
    if byte == QUOTE:
        at, _ = scan_string(buffer, at + 1, end)
        return (at + 1 if at >= 0 else -1), depth, True
    if byte == MINUS or DIGIT[byte]:
        return scan_number(buffer, at)[0], depth, True
    return skip_word(buffer, at), depth, True


@compiled
def _go_on(buffer: Bytes, at: int, end: int, memory: Longs, depth: int) -> tuple[int, int, bool]:
    """Behind a value within a list or object: its end, which makes that whole, or the next."""
    if at >= end:
        return -1, depth, False
    at = skip_space(buffer, at)
    kind = memory[STACK + depth - 1]
    if buffer[at] == kind + TO_CLOSE:
        return at + 1, depth - 1, True
    if buffer[at] != COMMA:
        return -1, depth, False
    at = skip_space(buffer, at + 1)
    return (_skip_key(buffer, at, end) if kind == OPEN_OBJECT else at), depth, False


@compiled
def _skip_key(buffer: Bytes, at: int, end: int) -> int:
    """The position of the value behind a key."""
    if buffer[at] != QUOTE:
        return -1
    at, _ = scan_string(buffer, at + 1, end)
    if at < 0:
        return -1
    at = skip_space(buffer, at + 1)
    return skip_space(buffer, at + 1) if buffer[at] == COLON else -1
