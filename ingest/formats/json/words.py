"""Words and their codes, compiled: hash tables over the bytes of words, and CRC-32."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from ingest.compiled import Bytes, Longs, compiled, entry, fingerprint, pointer_to, signed
from ingest.formats.json.plan import WORDS
from ingest.formats.json.strings import unescape

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["crc32", "crc32_of_escaped", "fill_table", "find_escaped", "find_word", "is_word"]

OFFSET, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
HALF, MASK = np.uint64(32), np.uint64(0x7FFFFFFF)
EIGHT, LAST, ONES = np.uint32(8), np.uint32(0xFF), np.uint32(0xFFFFFFFF)
CRC_TABLE = np.array([zlib.crc32(bytes([c ^ 0xFF])) ^ 0xFF000000 for c in range(256)], np.uint32)


@compiled
def crc32(data: Bytes, at: int, end: int) -> int:
    """The CRC-32 of some bytes, as zlib has it."""
    crc = ONES
    for place in range(at, end):
        crc = CRC_TABLE[(crc ^ data[place]) & LAST] ^ (crc >> EIGHT)
    number: int = signed(crc ^ ONES)
    return number


@compiled
def crc32_of_escaped(buffer: Bytes, at: int, end: int) -> int:
    """The CRC-32 of the inside of a string that has escapes."""
    word, size = _unescaped(buffer, at, end)
    crc = crc32(pointer_to(word), signed(0), size)
    word[0] = 0  # so that it lives until here
    return crc


@compiled
def _unescaped(buffer: Bytes, at: int, end: int) -> tuple[NDArray[np.uint8], int]:
    """A copy of the inside of a string without its escapes, and its size."""
    word = np.empty(end - at, np.uint8)
    return word, unescape(buffer, at, end, pointer_to(word), signed(0))


@compiled
def _hash(data: Bytes, at: int, end: int) -> int:
    """FNV-1a, its upper half folded into the lower."""
    found = OFFSET
    for place in range(at, end):
        found = (found ^ np.uint64(data[place])) * PRIME
    number: int = signed((found ^ (found >> HALF)) & MASK)
    return number


@entry(fingerprint(__file__))
def fill_table(
    text: NDArray[np.uint8],
    ends: NDArray[np.int64],
    first: int,
    table: NDArray[np.int64],
) -> None:
    """Make the table of some words.

    Args:
        text: the words' bytes, one behind another.
        ends: int64[n], the end of each in `text`; below 0 for a word that is left out.
        first: number of the first word; the others count on.
        table: int64[m], 0 everywhere, with m a power of two above n; gets the words' numbers + 1.
    """
    begin = 0
    for number in range(len(ends)):
        if ends[number] < 0:
            continue
        place = _hash(pointer_to(text), begin, ends[number]) & (len(table) - 1)
        while table[place] != 0:
            place = (place + 1) & (len(table) - 1)
        table[place] = first + number + 1
        begin = ends[number]


@compiled
def find_word(plan: Longs, table: int, data: Bytes, at: int, end: int) -> int:
    """The number of the word that some bytes are; -1 for none.

    Args:
        plan: see `plan.Plan`.
        table: the place in the plan where it says where the table begins, and then its mask.
        data: the bytes.
        at: where they begin.
        end: where they end.
    """
    first, mask = plan[table], plan[table + 1]
    place = _hash(data, at, end) & mask
    while plan[first + place] != 0:
        number: int = plan[first + place] - 1
        if is_word(plan, number, data, at, end):
            return number
        place = (place + 1) & mask
    return -1


@compiled
def is_word(plan: Longs, number: int, data: Bytes, at: int, end: int) -> bool:
    """Whether some bytes are the word of that number."""
    word = plan[WORDS] + 2 * number
    if plan[word + 1] != end - at:
        return False
    begin = plan[word]
    for place in range(end - at):
        if (plan[begin + (place >> 3)] >> (8 * (place & 7))) & 0xFF != data[at + place]:
            return False
    return True


@compiled
def find_escaped(plan: Longs, table: int, buffer: Bytes, at: int, end: int) -> int:
    """The number of the word that the inside of a string with escapes is; see `find_word`."""
    word, size = _unescaped(buffer, at, end)
    number = find_word(plan, table, pointer_to(word), signed(0), size)
    word[0] = 0  # so that it lives until here
    return number
