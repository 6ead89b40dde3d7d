"""Record batches as brokers send them, and two ways to read them: kafka-python's and ours."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from crc32c import crc32c
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.protocol.consumer import IsolationLevel
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder

from ingest.errors import CorruptBatchError
from ingest.wire.batches import scan_batches
from ingest.wire.fetch import Fetch, FetchReader
from ingest.wire.settings import ReadSettings

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
TP = TopicPartition("t", 3)
HEADER = 61
# Offset after the base, timestamp, key, value, headers.
Record = tuple[int, int, bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]
Row = tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]


def records(count: int, step: int = 1) -> list[Record]:
    """Records with nulls, empty and longer keys, values and headers among them."""
    keys = [None, b"", b"key", b"k" * 200]
    values = [b"v", b"", None, b"v" * 20, bytes(range(256))]
    headers: list[Sequence[tuple[str, bytes | None]]] = [
        [],
        [("a", b"1")],
        [("a", None), ("é", b""), ("a", b"x" * 130)],
    ]
    return [
        (n * step, 1_000 + 7 * n, keys[n % 4], values[n % 5], headers[n % 3]) for n in range(count)
    ]


def batch(
    base: int,
    content: Sequence[Record],
    codec: str = "none",
    *,
    producer: int = -1,
    append_time: int | None = None,
    last_delta: int | None = None,
) -> bytes:
    """A batch, made by kafka-python; transactional if it has a producer."""
    transactional = producer >= 0
    sequence = 0 if transactional else -1
    builder = DefaultRecordBatchBuilder(
        *(2, CODECS[codec], transactional, producer, sequence, sequence, 1 << 30)
    )
    for record in content:
        assert builder.append(*record) is not None
    made = bytearray(builder.build())
    if last_delta is not None:
        made[23:27] = struct.pack(">i", last_delta)
    if append_time is not None:
        made[22] |= 0x08
        made[35:43] = struct.pack(">q", append_time)
    made[:8] = struct.pack(">q", base)
    made[12:16] = struct.pack(">i", base % 5)
    return with_crc(made)


def empty_batch(base: int, last_delta: int) -> bytes:
    """What compaction leaves of a batch of which it has deleted every record."""
    one = bytearray(batch(base, records(1), last_delta=last_delta))[:HEADER]
    one[8:12] = struct.pack(">i", HEADER - 12)
    one[57:61] = struct.pack(">i", 0)
    return with_crc(one)


def marker(base: int, producer: int, commit: bool, key_more: bytes = b"") -> bytes:
    """The end of a transaction."""
    content = [(0, 5_000, struct.pack(">hh", 0, commit) + key_more, bytes(6), [])]
    made = bytearray(batch(base, content, producer=producer))
    made[22] |= 0x20
    return with_crc(made)


def empty_marker(base: int, producer: int) -> bytes:
    """What compaction leaves of the last marker of a producer."""
    made = bytearray(marker(base, producer, commit=True))[:HEADER]
    made[8:12] = struct.pack(">i", HEADER - 12)
    made[57:61] = struct.pack(">i", 0)
    return with_crc(made)


def legacy(base: int, values: Sequence[bytes], magic: int = 1, codec: int = 0) -> bytes:
    """Messages of an older format."""
    builder = LegacyRecordBatchBuilder(magic, codec, 1 << 20)
    for place, value in enumerate(values):
        builder.append(base + place, 1_000 + place, b"k", value)
    return bytes(builder.build())


def with_crc(made: bytearray) -> bytes:
    """The batch with the checksum that it should have."""
    made[17:21] = struct.pack(">I", crc32c(bytes(made[21:])))
    return bytes(made)


def kafka_python(
    buffer: bytes, offset: int = 0, aborted: Sequence[tuple[int, int]] | None = ()
) -> tuple[list[Row], Exception | None, int]:
    """What kafka-python reads: rows, what it failed with, and the next offset."""
    level = IsolationLevel.READ_UNCOMMITTED if aborted is None else IsolationLevel.READ_COMMITTED
    entries = [SimpleNamespace(first_offset=at, producer_id=who) for at, who in aborted or ()]
    rows: list[Row] = []
    try:
        part = Fetcher.PartitionRecords(
            *(offset, TP, MemoryRecords(buffer)),
            isolation_level=level,
            aborted_transactions=entries,
        )
        for record in part.record_iterator:
            row = (record.offset, record.timestamp, record.key, record.value, record.headers)
            rows.append(row)
    except Exception as error:  # noqa: BLE001 - whatever kafka-python raises
        return rows, error, -1
    return rows, None, part.next_fetch_offset


def reader_of(
    buffer: bytes,
    offset: int = 0,
    aborted: Sequence[tuple[int, int]] | None = (),
    **settings: Any,
) -> FetchReader:
    """Our reader."""
    batches = scan_batches(np.frombuffer(buffer, np.uint8))
    fetch = Fetch(TP.topic, TP.partition, offset, memoryview(buffer), batches, aborted)
    return FetchReader(fetch, ReadSettings(**settings))


def ours(
    buffer: bytes,
    offset: int = 0,
    aborted: Sequence[tuple[int, int]] | None = (),
    most: int = 1_000_000,
    **settings: Any,
) -> tuple[list[Row], CorruptBatchError | None, int]:
    """What we read, in the same form."""
    reader = reader_of(buffer, offset, aborted, **{"headers": True, **settings})
    rows: list[Row] = []
    try:
        while not reader.ended:
            found = reader.read(most)
            for n in range(len(found) if found else 0):
                at, time = int(found.offsets[n]), int(found.timestamps[n])
                rows.append((at, time, found.key(n), found.value(n), found.headers(n)))
    except CorruptBatchError as error:
        return rows, error, reader.position
    return rows, None, reader.position
