"""A dead letter: the original key and value, and headers that tell what became of the record.

Headers, all UTF-8: `millstream.reason`, `.kind`, `.topic`, `.partition`, `.offset`, `.timestamp`,
and `.writer` if the writer has a name. A key of more than 100,000 bytes is cut, and so is a value
that makes the letter longer than 900,000; then `millstream.key_length` or `.value_length` has what
it was. A record with neither key nor value gets an empty value and `millstream.null` "true".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ingest.formats.decoder import BadRecord
from ingest.kafka.record_bytes import varint
from ingest.records import RecordBatch

__all__ = ["Letter", "encode_letters", "identity_of", "read_headers"]

MAX_BYTES = 900_000
MAX_KEY_BYTES = 100_000
BATCH_BYTES = 256_000
MAX_OFFSET = 2**63 - 1
PREFIX = "millstream."
KNOWN: tuple[str, ...] = ("reason", "kind", "topic", "partition", "offset", "timestamp", "writer")
KNOWN += ("null", "key_length", "value_length", "marker")
NAMES = {name: varint(len(PREFIX + name)) + (PREFIX + name).encode() for name in KNOWN}
SHORT = {(PREFIX + name).encode(): name for name in KNOWN}


@dataclass(frozen=True)
class Letter:
    """A dead letter as it was read.

    Attributes:
        topic: of the record that it is about, as are partition, offset and timestamp.
        partition: of the record.
        offset: of the record.
        timestamp: of the record, milliseconds since the epoch; -1 when it had none.
        kind: short slug of what was wrong.
        reason: for people.
        key: of the record, perhaps cut.
        value: of the record, perhaps cut.
        cut: what is not as it was in the record: "key", "value", both, or nothing.
        place: topic, partition and offset of the letter itself.
        written: when the letter was written, milliseconds since the epoch; of a letter that has no
            date, as the broker refused it, the `timestamp`, which is earlier.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    kind: str
    reason: str
    key: bytes | None
    value: bytes | None
    cut: tuple[str, ...]
    place: tuple[str, int, int]
    written: int

    @property
    def identity(self) -> tuple[str, int, int]:
        """Of the record."""
        return self.topic, self.partition, self.offset

    @classmethod
    def read(cls, batch: RecordBatch, index: int, told: Mapping[str, str]) -> Letter | None:
        """The letter that a record of a dead-letter topic is; None if it is none of ours.

        Args:
            batch: records of a dead-letter topic, with headers.
            index: of the record.
            told: what its headers say, from `read_headers`.
        """
        try:
            value = None if "null" in told else batch.value(index)
            timestamp, written = int(told["timestamp"]), int(batch.timestamps[index])
            return cls(
                topic=told["topic"],
                partition=_whole(told["partition"]),
                offset=_whole(told["offset"]),
                timestamp=timestamp,
                kind=told["kind"],
                reason=told["reason"],
                key=batch.key(index),
                value=value,
                cut=tuple(name for name in ("key", "value") if f"{name}_length" in told),
                place=(batch.topic, batch.partition, int(batch.offsets[index])),
                written=written if written >= 0 else timestamp,
            )
        except (KeyError, ValueError):
            return None


def identity_of(told: Mapping[str, str], writer: str) -> tuple[str, int, int] | None:
    """The record that a letter with these headers is about; None if `writer` did not write it."""
    try:
        named = told["topic"], _whole(told["partition"]), _whole(told["offset"])
    except (KeyError, ValueError):
        return None
    return named if told.get("writer", "") == writer else None


def _whole(text: str) -> int:
    """A number of a partition or an offset, as Kafka can have it."""
    number = int(text)
    if not 0 <= number <= MAX_OFFSET:
        raise ValueError
    return number


def read_headers(batch: RecordBatch) -> Iterator[dict[str, str]]:
    """What the headers of each record say, without `millstream.` before their names."""
    columns = batch.header_columns
    if columns is None:
        raise ValueError("expected a batch that was read with its headers")
    raw = batch.buffer.tobytes()
    names = (columns.name_start.tolist(), (columns.name_start + columns.name_length).tolist())
    ends = columns.value_start + np.maximum(columns.value_length, 0)
    values = (columns.value_start.tolist(), ends.tolist())
    spans = list(zip(*names, *values, strict=True))
    for low, high in pairwise(columns.splits.tolist()):
        yield {
            SHORT[raw[begin:end]]: raw[first:last].decode(errors="replace")
            for begin, end, first, last in spans[low:high]
            if raw[begin:end] in SHORT
        }


def encode_letters(
    batch: RecordBatch, bad: Sequence[BadRecord], writer: str = ""
) -> Iterator[list[bytes]]:
    """The letters of a batch's bad records, encoded for `BatchProducer`, some 250 kB at a time."""
    about = {"topic": batch.topic.encode(), "partition": b"%d" % batch.partition}
    if writer:
        about["writer"] = writer.encode()
    shared = len(about), b"".join(_header(name, text) for name, text in about.items())
    letters: list[bytes] = []
    size = 0
    for record in bad:
        letter = _encode(batch, record, *shared)
        if letters and size + len(letter) > BATCH_BYTES:
            yield letters
            letters, size = [], 0
        letters.append(letter)
        size += len(letter)
    if letters:
        yield letters


def _encode(batch: RecordBatch, record: BadRecord, shared: int, headers: bytes) -> bytes:
    """One letter, with so many headers that are the same for the whole batch."""
    at = record.index
    key, value = batch.key(at), batch.value(at)
    told = [
        headers,
        _header("reason", record.reason.encode(errors="backslashreplace")),
        _header("kind", record.kind.encode()),
        _header("offset", b"%d" % batch.offsets[at]),
        _header("timestamp", b"%d" % batch.timestamps[at]),
    ]
    if key is None and value is None:
        value = b""
        told.append(_header("null", b"true"))
    if key is not None and len(key) > MAX_KEY_BYTES:
        told.append(_header("key_length", b"%d" % len(key)))
        key = key[:MAX_KEY_BYTES]
    room = MAX_BYTES - len(key or b"")
    if value is not None and len(value) > room:
        told.append(_header("value_length", b"%d" % len(value)))
        value = value[:room]
    count = varint(shared + len(told) - 1)
    return b"".join((_span(key), _span(value), count, *told))


def _header(name: str, text: bytes) -> bytes:
    return NAMES[name] + varint(len(text)) + text


def _span(part: bytes | None) -> bytes:
    return varint(-1) if part is None else varint(len(part)) + part
