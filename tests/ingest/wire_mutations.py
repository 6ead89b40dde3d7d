"""Batches with a few bytes changed, and the rule that reading them must follow."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

import numpy as np
from kafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode

from ingest.wire.batches import scan_batches
from tests.ingest.wire_batches import (
    CODECS,
    HEADER,
    batch,
    empty_batch,
    kafka_python,
    marker,
    ours,
    records,
    with_crc,
)

ENCODERS = {"gzip": gzip_encode, "snappy": snappy_encode, "lz4": lz4_encode, "zstd": zstd_encode}
INTERESTING = (0, 1, 2, 3, 0x7E, 0x7F, 0x80, 0x81, 0xFE, 0xFF)
MOST_BATCH = 1 << 20
ABORTED = [(0, 7), (40, 7), (60, 8)]


def recompressed(made: bytes, codec: str) -> bytes:
    """An uncompressed batch with its records compressed."""
    if codec == "none":
        return made
    header, payload = bytearray(made[:HEADER]), ENCODERS[codec](made[HEADER:])
    header[22] |= CODECS[codec]
    header[8:12] = struct.pack(">i", HEADER - 12 + len(payload))
    return with_crc(header + bytearray(payload))


def change(data: bytearray, draw: random.Random, low: int) -> None:
    """Change, add or delete a byte from a place on."""
    at = draw.randrange(low, len(data)) if low < len(data) else len(data)
    kind = draw.randrange(6)
    if kind == 0 or at == len(data):
        data.insert(at, draw.choice(INTERESTING))
    elif kind == 1:
        del data[at]
    elif kind == 2:
        data[at] ^= 1 << draw.randrange(8)
    elif kind == 3:
        data[at] = (data[at] + draw.choice((-2, -1, 1, 2))) % 256
    else:
        data[at] = draw.choice(INTERESTING)


def mutated(seed: int) -> bytes:
    """Some batches, damaged in the records, in compressed data, or in the headers."""
    draw = random.Random(seed)
    parts, base = [], 0
    for _ in range(draw.randrange(1, 4)):
        count = draw.randrange(0, 5)
        producer = draw.choice((-1, -1, 7, 8))
        shape = draw.randrange(8)
        if shape == 0:
            made = empty_batch(base, 3)
        elif shape == 1:
            made = marker(base, max(producer, 7), commit=bool(draw.randrange(2)))
        else:
            when = 99 if shape == 2 else None
            content = records(count + 1, draw.choice((1, 3)))
            made = batch(base, content, producer=producer, append_time=when)
        parts.append(_damaged(made, draw))
        base += 16
    whole = b"".join(parts)
    return whole[: draw.randrange(len(whole))] if draw.randrange(10) == 0 else whole


def _damaged(made: bytes, draw: random.Random) -> bytes:
    codec = draw.choice(("none", "none", *CODECS))
    data = bytearray(made)
    for _ in range(draw.choice((0, 1, 1, 2, 3))):
        change(data, draw, HEADER)
    if draw.randrange(4):
        # Else the length of the batch is wrong as well.
        data[8:12] = struct.pack(">i", len(data) - 12)
    data = bytearray(recompressed(bytes(data), codec) if len(data) >= HEADER else data)
    if draw.randrange(4) == 0:
        change(data, draw, draw.choice((0, 21, HEADER)))
    return bytes(data) if draw.randrange(12) == 0 or len(data) < HEADER else with_crc(data)


def compare(buffer: bytes, offset: int, aborted: Sequence[tuple[int, int]] | None) -> str:
    """Hold our reading against kafka-python's; returns how it went.

    Whatever we give is what kafka-python gives, record by record and in order. Where it fails, we
    fail, and where it does not, we give everything or fail as we are stricter.

    Raises:
        AssertionError: it is not so.
    """
    if scan_batches(np.frombuffer(buffer, np.uint8)).legacy:
        return "an older format, which is left to kafka-python"
    rows, error, position = ours(buffer, offset, aborted, max_batch_bytes=MOST_BATCH)
    expected, failure, end = kafka_python(buffer, offset, aborted)
    kept = [row for row in expected if row[0] >= offset]
    if failure and "UnicodeDecodeError" in str(failure):
        both = min(len(rows), len(kept))
        assert rows[:both] == kept[:both]
        return "a header name that is no UTF-8"
    assert rows == kept[: len(rows)], (rows, kept)
    if failure is not None:
        assert error is not None, failure
        return "both fail"
    if error is not None:
        return "we are stricter"
    assert rows == kept
    assert position == max(end, offset)
    return "the same"
