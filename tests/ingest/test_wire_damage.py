"""Batches that are not as the format says: one clear error, and never a read out of bounds."""

import gzip
import re
import struct
import tracemalloc

import cramjam
import lz4.frame
import pytest
import zstandard

from ingest.wire.codecs import Decompressor, UnusableError
from tests.ingest.wire_batches import CODECS, HEADER, batch, marker, ours, records, with_crc

GOOD = batch(0, records(10))


def varint(value):
    """Zigzag, of any number of bits."""
    raw = value * 2 if value >= 0 else -value * 2 - 1
    out = bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    return bytes([*out, raw])


def made_of(payload, count=1, base=10, last_delta=5, codec=0, **fields):
    """A batch around any bytes, with a checksum that is right."""
    header = struct.pack(
        ">qiibIhiqqqhii",
        *(base, HEADER - 12 + len(payload), 0, fields.get("magic", 2), 0, codec, last_delta),
        *(fields.get("timestamp", 0), 0, fields.get("producer", -1), -1, -1, count),
    )
    return with_crc(bytearray(header + payload))


def record(*, time=0, delta=0, key=b"\x01", value=b"\x01", headers=b"\x00", attributes=b"\x00"):
    """A record around any bytes."""
    body = attributes + varint(time) + varint(delta) + key + value + headers
    return varint(len(body)) + body


def complaint(buffer, rows=10, **settings):
    """The error that comes after the good batch before."""
    found, error, position = ours(GOOD + buffer, **settings)
    assert len(found) == rows
    assert position == 10
    assert error is not None
    return str(error)


def test_the_error_says_where_what_was_expected_and_what_to_do():
    broken = bytearray(batch(10, records(10)))
    broken[-1] ^= 1
    assert complaint(bytes(broken)).startswith("t[3]@10: the record batch is damaged: expected the")
    assert complaint(bytes(broken)).endswith(
        "; if reading it again does not help, repair the partition from a replica, or go on from"
        " an offset behind the batch"
    )


def test_every_flipped_bit_behind_the_checksum_is_found():
    whole = batch(10, records(4))
    for at in range(17, len(whole)):
        for bit in (1, 16, 128):
            broken = bytearray(whole)
            broken[at] ^= bit
            assert "damaged" in complaint(bytes(broken))


def test_without_checksums_what_can_be_read_is_read():
    broken = bytearray(batch(10, records(10)))
    broken[17] ^= 1
    rows, error, _ = ours(GOOD + bytes(broken), check_crcs=False)
    assert (len(rows), error) == (20, None)


@pytest.mark.parametrize(
    ("buffer", "message"),
    [
        (made_of(record(), magic=3), "format 0, 1 or 2, got 3"),
        (made_of(record(), magic=-1), "format 0, 1 or 2, got -1"),
        (struct.pack(">qi", 10, 5) + bytes(40), "a length of at least 49 bytes, got 5"),
        (struct.pack(">qi", 10, -7) + bytes(40), "a length of at least 49 bytes, got -7"),
        (struct.pack(">qiib", 10, 20, 0, 2) + bytes(40), "at least 49 bytes, got 20"),
        (made_of(record(), base=9), "offsets that grow, got first 9, last 9 \\+ 5"),
        (made_of(record(), base=-1), "offsets that grow"),
        (made_of(record(), last_delta=-1), "offsets that grow"),
        (made_of(record(), base=2**63 - 3), "offsets that grow"),
        (made_of(record(), count=-1), "as many records as 7 bytes may hold, 7 each at least"),
        (made_of(record(), count=2), "as many records as 7 bytes may hold"),
        (made_of(record(), count=2**31 - 1), "as many records as"),
        (made_of(record() + b"\x00"), "no bytes behind the last record"),
        (made_of(record(), count=0), "no bytes behind the last record"),
        (made_of(b"\x80\x80\x80\x80\x80\x00" + bytes(9)), "a length that ends within the batch"),
        (made_of(b"\x00" + bytes(9)), "a length that ends within the batch"),
        (made_of(b"\x01" + bytes(9)), "a length that ends within the batch"),
        (made_of(varint(2**31 - 1) + bytes(9)), "a length that ends within the batch"),
        (made_of(varint(-(2**31)) + bytes(9)), "a length that ends within the batch"),
        (made_of(record(attributes=b"\x80")), "attributes of one byte"),
        (made_of(record(time=2**64)), "numbers that end"),
        (made_of(record(delta=2**31)), "numbers that end"),
        (made_of(record(delta=-(2**31) - 1)), "numbers that end"),
        (made_of(record(time=1), timestamp=2**63 - 1), "a timestamp of 64 bits"),
        (made_of(record(time=-1), timestamp=-(2**63)), "a timestamp of 64 bits"),
        (made_of(record(delta=6)), "offsets that grow"),
        (made_of(record(delta=-1)), "offsets that grow"),
        (made_of(record(delta=2) * 2, count=2), "offsets that grow"),
        (made_of(record(key=varint(6))), "a key that ends within the record"),
        (made_of(record(key=varint(2**31 - 1))), "a key that ends within the record"),
        (made_of(record(key=varint(2))), "numbers that end"),
        (made_of(record(value=varint(2))), "a value that ends within the record"),
        (made_of(record(value=varint(2**31 - 1))), "a value that ends within the record"),
        (made_of(record(value=varint(1))), "headers that end within the record"),
        (made_of(record(headers=varint(-1))), "headers that end within the record"),
        (made_of(record(headers=varint(2**31 - 1))), "headers that end within the record"),
        (made_of(record(headers=varint(1) + bytes(1))), "headers that end within the record"),
        (made_of(record(headers=varint(1) + b"\x01\x00")), "headers that end within the record"),
        (made_of(record(headers=varint(1) + b"\x04\x00")), "headers that end within the record"),
        (made_of(record(headers=varint(1) + b"\x00\x04")), "headers that end within the record"),
        (made_of(record(headers=b"\x00\x00")), "a record as long as its length says"),
        (made_of(record(), codec=5), "a codec that is known .*, got codec 5"),
        (made_of(record(), codec=7), "got codec 7"),
        (made_of(record(key=b"\x02k"), codec=0x30, producer=4), "a transaction marker"),
        (made_of(record(), count=0, codec=0x30, producer=4), "a transaction marker"),
        (made_of(b"\xff" * 40, codec=0x30, producer=4), "a transaction marker"),
        *((made_of(b"\xff" * 30, codec=n), f"{name} data") for name, n in CODECS.items() if n),
    ],
)
def test_what_is_wrong_is_named(buffer, message):
    assert re.search(message, complaint(buffer))


def test_a_null_may_be_any_negative_length():
    rows, error, _ = ours(made_of(record(key=varint(-9), value=varint(-(2**31)))))
    assert error is None
    assert rows == [(10, 0, None, None, [])]


def test_the_first_damaged_record_ends_its_batch_and_not_those_before():
    payload = record() + record(delta=1) + record(delta=2, key=varint(100))
    found = complaint(made_of(payload, count=3))
    assert "a key that ends within the record in record 2, got the bytes" in found


def test_a_batch_that_is_damaged_stays_so():
    buffer = GOOD + made_of(record(), count=2)
    for _ in range(2):
        assert ours(buffer, 4)[2] == 10


@pytest.mark.parametrize("codec", [name for name in CODECS if name != "none"])
def test_a_batch_that_would_fill_the_memory_is_refused(codec):
    bomb = batch(10, [(0, 0, None, bytes(200_000), [])], codec)
    found = complaint(bomb, max_batch_bytes=100_000)
    assert "expected at most 100000 bytes decompressed (kafka.max_batch_bytes), got " in found
    rows, error, _ = ours(bomb, max_batch_bytes=200_100)
    assert (len(rows), error) == (1, None)


def test_a_size_that_is_only_claimed_is_not_believed():
    """Frames may say how much they hold; memory for it must not be had before it is there."""
    claimed = 1 << 40
    with_size = bytearray(lz4.frame.compress(bytes(10), store_size=True))
    with_size[6:14] = struct.pack("<Q", claimed)
    zstd = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", claimed) + b"\x01\x00\x00"
    snappy = b"\xff\xff\xff\xff\x0f" + bytes(10)
    for codec, data in ((2, snappy), (3, bytes(with_size)), (4, zstd)):
        assert "got " in complaint(made_of(data, codec=codec))


def test_a_frame_that_claims_too_little_is_not_decompressed_as_a_whole():
    """LZ4 compares the claim at the end, when all of it would be in memory."""
    context = lz4.frame.create_compression_context()
    parts = [lz4.frame.compress_begin(context, source_size=1)]
    parts += [lz4.frame.compress_chunk(context, bytes(1 << 20)) for _ in range(40)]
    data = memoryview(b"".join(parts) + bytes(4))
    tracemalloc.start()
    try:
        with pytest.raises(UnusableError, match="at most 1000000 bytes"):
            Decompressor(1_000_000).decompress(3, data)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_xerial_frames_of_snappy_are_checked():
    """Java's snappy frames its blocks, each with a length in front."""
    magic = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
    block = bytes(cramjam.snappy.compress_raw(b"0123456789"))
    framed = struct.pack(">i", len(block)) + block
    decompress = Decompressor(1000).decompress
    assert bytes(decompress(2, memoryview(magic + framed * 3))) == b"0123456789" * 3
    for bad in (
        framed[:-1],
        b"\x00\x00",
        struct.pack(">i", -4) + block,
        struct.pack(">i", 2**31 - 1),
    ):
        with pytest.raises(UnusableError):
            decompress(2, memoryview(magic + framed + bad))


def test_frames_in_a_row_are_read_as_kafka_python_reads_them():
    decompress = Decompressor(1000).decompress
    two_gzip = gzip.compress(b"ab") + gzip.compress(b"cd")
    assert decompress(1, memoryview(two_gzip)) == b"abcd"
    frame = zstandard.ZstdCompressor().compress(b"ab")
    assert decompress(4, memoryview(frame + frame)) == b"abab"


@pytest.mark.parametrize("store_size", [True, False])
@pytest.mark.parametrize("size", [0, 1, 5_120, 300_000, 3_000_000])
def test_frames_of_lz4_are_read_whole_or_refused(store_size, size):
    """Java's do not tell their size."""
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    frame = lz4.frame.compress(content, store_size=store_size)
    for most in (size, size + 1, 100_000_000):
        assert Decompressor(most).decompress(3, memoryview(frame)) == content
        for cut in (1, 4, 5, len(frame) // 2):
            with pytest.raises(UnusableError):
                Decompressor(most).decompress(3, memoryview(frame[:-cut]))
    if size:
        with pytest.raises(UnusableError, match="max_batch_bytes"):
            Decompressor(size - 1).decompress(3, memoryview(frame))


def test_a_marker_is_not_looked_at_when_everything_is_read():
    odd = bytearray(marker(10, 4, commit=False))
    odd[HEADER + 5] = 0xFF
    assert ours(with_crc(odd), aborted=None)[1] is None
