"""Strings of JSON (RFC 8259) in UTF-8 (RFC 3629) over bytes, compiled.

What a function here accepts is JSON; what it does not may still be, and is left to the parser of
single records. Positions count from the beginning of the buffer, and -1 stands for what is not
understood. `buffer[end - 1]` must be `}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.compiled import Bytes, compiled, entry, fingerprint, pointer_to, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "DIGIT",
    "QUOTE",
    "SPACE",
    "copy_texts",
    "scan_string",
    "skip_space",
    "unescape",
]

QUOTE, BACKSLASH, LETTER_U = 34, 92, 117
PLAIN = np.array([0x20 <= c < 0x80 and c not in (QUOTE, BACKSLASH) for c in range(256)])
SPACE = np.array([c in b" \t\n\r" for c in range(256)])
DIGIT = np.array([c in b"0123456789" for c in range(256)])
HEX = np.array([int(chr(c), 16) if chr(c) in "0123456789abcdefABCDEF" else -1 for c in range(256)])
ESCAPED = np.zeros(256, np.uint8)
ESCAPED[list(b'"\\/bfnrt')] = list(b'"\\/\b\f\n\r\t')


@compiled
def skip_space(buffer: Bytes, at: int) -> int:
    """The first position that is no white space."""
    while SPACE[buffer[at]]:
        at += 1
    return at


@compiled
def scan_string(buffer: Bytes, at: int, end: int) -> tuple[int, bool]:
    """The position of the quote that ends a string, and whether there are escapes in it.

    Args:
        buffer: the bytes.
        at: behind the quote that begins it.
        end: of the record.
    """
    escaped = False
    while at < end:
        byte = buffer[at]
        if PLAIN[byte]:
            at += 1
        elif byte == QUOTE:
            return at, escaped
        elif byte == BACKSLASH:
            size = _scan_escape(buffer, at, end)
            if size == 0:
                break
            escaped = True
            at += size
        else:
            size = _scan_utf8(buffer, at, end)
            if size == 0:
                break
            at += size
    return -1, escaped


@compiled
def _scan_escape(buffer: Bytes, at: int, end: int) -> int:
    """Bytes of an escape, of two if they are a pair of surrogates; 0 if it is wrong."""
    if at + 1 >= end:
        return 0
    if buffer[at + 1] != LETTER_U:
        return 2 if ESCAPED[buffer[at + 1]] else 0
    unit = _unit(buffer, at, end)
    if unit < 0 or 0xDC00 <= unit <= 0xDFFF:
        return 0
    if not 0xD800 <= unit <= 0xDBFF:
        return 6
    return 12 if 0xDC00 <= _unit(buffer, at + 6, end) <= 0xDFFF else 0


@compiled
def _unit(buffer: Bytes, at: int, end: int) -> int:
    r"""The number of a \uXXXX; -1 if there is none."""
    if at + 6 > end or buffer[at] != BACKSLASH or buffer[at + 1] != LETTER_U:
        return -1
    unit = 0
    for place in range(at + 2, at + 6):
        digit = HEX[buffer[place]]
        if digit < 0:
            return -1
        unit = unit * 16 + digit
    return unit


@compiled
def _scan_utf8(buffer: Bytes, at: int, end: int) -> int:
    """Bytes of a character of more than one byte; 0 if it is not UTF-8 (RFC 3629)."""
    first = buffer[at]
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if not 0xC2 <= first <= 0xF4 or at + size > end:
        return 0
    for place in range(at + 1, at + size):
        if buffer[place] & 0xC0 != 0x80:
            return 0
    second = buffer[at + 1]
    overlong = (first == 0xE0 and second < 0xA0) or (first == 0xF0 and second < 0x90)
    beyond = (first == 0xED and second > 0x9F) or (first == 0xF4 and second > 0x8F)
    return 0 if overlong or beyond else size


@compiled
def unescape(buffer: Bytes, at: int, end: int, out: Bytes, used: int) -> int:
    """Copy the inside of a string that `scan_string` has accepted, its escapes replaced.

    Args:
        buffer: the bytes.
        at: where the inside begins.
        end: where it ends.
        out: where to; with room for `end - at` bytes from `used` on.
        used: first place in `out`.

    Returns:
        The place behind the last one in `out`.
    """
    while at < end:
        if buffer[at] != BACKSLASH:
            out[used] = buffer[at]
            at, used = at + 1, used + 1
        elif buffer[at + 1] != LETTER_U:
            out[used] = ESCAPED[buffer[at + 1]]
            at, used = at + 2, used + 1
        else:
            point = _unit(buffer, at, end)
            at += 6
            if 0xD800 <= point <= 0xDBFF:
                point = 0x10000 + (point - 0xD800) * 0x400 + _unit(buffer, at, end) - 0xDC00
                at += 6
            used = _put(point, out, used)
    return used


@compiled
def _put(point: int, out: Bytes, used: int) -> int:
    """Write a code point as UTF-8."""
    if point < 0x80:
        out[used] = point
        return used + 1
    size = 2 if point < 0x800 else 3 if point < 0x10000 else 4
    for place in range(size - 1, 0, -1):
        out[used + place] = 0x80 | (point & 0x3F)
        point >>= 6
    out[used] = (0xF00 >> size) & 0xFF | point
    return used + size


@entry(fingerprint(__file__))
def copy_texts(
    buffer: NDArray[np.uint8],
    spans: NDArray[np.int64],
    default: NDArray[np.uint8],
    values: NDArray[np.uint8],
    splits: NDArray[np.int64],
) -> int:
    """Copy texts from the insides of strings, one behind another.

    Args:
        buffer: the bytes.
        spans: int64[2, n], where each inside begins (-1 for a row that gets the default), and
            how many bytes it has; the complement of that if it has escapes.
        default: the text for rows without one.
        values: uint8, gets the texts; with room for all bytes of the insides and defaults.
        splits: int64[n + 1], gets where each text begins, and where the last one ends.
    """
    used: int = signed(0)
    for row in range(spans.shape[1]):
        splits[row] = used
        at, many = spans[0, row], spans[1, row]
        if at < 0:
            for byte in default:
                values[used] = byte
                used += 1
        elif many < 0:
            used = unescape(pointer_to(buffer), at, at + ~many, pointer_to(values), used)
        else:
            for place in range(at, at + many):
                values[used] = buffer[place]
                used += 1
    splits[spans.shape[1]] = used
    return used
