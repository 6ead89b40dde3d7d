"""The smallest parts of Avro's binary encoding, and what can be wrong with them.

Format: Apache Avro 1.12, "Primitive Types". Every read is checked against the end of its record.
"""

from __future__ import annotations

from typing import Any

from ingest.compiled import compiled
from ingest.formats.binary.wire_bytes import CUT, OVERLONG, flaw_in_text, read_zigzag

__all__ = [
    "CUT",
    "DEEP",
    "DEEPEST",
    "MANY",
    "MORE",
    "NEGATIVE",
    "NO_BOOL",
    "NO_BRANCH",
    "NO_INT",
    "NO_SYMBOL",
    "NO_TEXT",
    "OVERLONG",
    "PROBLEMS",
    "read_size",
    "read_text",
]

DEEPEST = 64
NO_INT, NO_BOOL, NEGATIVE, NO_BRANCH, NO_SYMBOL, NO_TEXT, DEEP, MANY, MORE = range(3, 12)
PROBLEMS = {
    CUT: "it ends too early",
    OVERLONG: "a whole number has more than 64 bits",
    NO_INT: "an int has more than 32 bits",
    NO_BOOL: "a boolean is neither 0 nor 1",
    NEGATIVE: "a length is negative",
    NO_BRANCH: "a union has no such branch",
    NO_SYMBOL: "an enum has no such symbol",
    NO_TEXT: "a string is not UTF-8",
    DEEP: f"it is nested deeper than {DEEPEST}",
    MANY: "it claims more elements than its bytes can hold",
    MORE: "bytes follow its end",
}


@compiled
def read_size(buffer: Any, at: Any, end: Any) -> Any:
    """A length that the bytes behind it have: the length, a problem or 0, the place behind it."""
    size, found, at = read_zigzag(buffer, at, end)
    if found == 0 and size < 0:
        found = NEGATIVE
    elif found == 0 and size > end - at:
        found = CUT
    return size, found, at


@compiled
def read_text(buffer: Any, at: Any, end: Any) -> Any:
    """A string: its length, a problem or 0, the place behind it."""
    size, found, at = read_size(buffer, at, end)
    if found:
        return size, found, at
    flaw = flaw_in_text(buffer, at, at + size)
    if flaw >= 0:
        return size, NO_TEXT, flaw
    return size, 0, at + size
