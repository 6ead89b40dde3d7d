"""A record as the wire has it from its key on: key, value and headers, each with its length."""

from __future__ import annotations

__all__ = ["Record", "read_record", "varint"]

Record = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]


def varint(number: int) -> bytes:
    """A number as the wire has it, zigzag."""
    if -1 <= number < len(SMALL) - 1:
        return SMALL[number + 1]
    return _encoded(number)


def _encoded(number: int) -> bytes:
    rest, out = (number << 1) ^ (number >> 63), bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


SMALL = [_encoded(number) for number in range(-1, 1 << 12)]


def read_record(record: bytes) -> Record:
    """Key, value and headers; of a record that was encoded here, as nothing is checked."""
    key, at = _read_span(record, 0)
    value, at = _read_span(record, at)
    count, at = _read_varint(record, at)
    headers = []
    for _ in range(count):
        name, at = _read_span(record, at)
        text, at = _read_span(record, at)
        headers.append(((name or b"").decode(), text or b""))
    return key, value, headers


def _read_span(record: bytes, at: int) -> tuple[bytes | None, int]:
    length, at = _read_varint(record, at)
    return (None, at) if length < 0 else (record[at : at + length], at + length)


def _read_varint(record: bytes, at: int) -> tuple[int, int]:
    found = shift = 0
    while record[at] & 0x80:
        found |= (record[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    found |= record[at] << shift
    return (found >> 1) ^ -(found & 1), at + 1
