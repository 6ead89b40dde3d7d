"""Decompressing by C functions: what they take they give as the packages do, and nothing else."""

import struct

import lz4.frame
import numba
import numpy as np
import pytest
import zstandard

from ingest.wire import native, unpack
from ingest.wire.codecs import Decompressor
from ingest.wire.native import BROKEN, FULL, NativeCodecs, decompress_lz4, decompress_zstd
from tests.ingest.wire_batches import batch, ours, records

CONTENT = bytes(range(256)) * 40
SPARE = 64


@numba.njit
def native_call(codec, table, source, target):
    """Call what only compiled code can."""
    place = np.empty(2, np.int64)
    place[0], place[1] = target.ctypes.data, len(target)
    if codec == 4:
        return decompress_zstd(table, source, 0, len(source), place)
    return decompress_lz4(table, source, 0, len(source), place)


def decompressed(codec, frame, room=1 << 20, natives=None):
    """Bytes, or what the call told instead."""
    target = np.zeros(room + SPARE, np.uint8)
    natives = natives or NativeCodecs()
    size = native_call(codec, natives.table, np.frombuffer(frame, np.uint8), target[:room])
    assert not target[room:].any()
    return target[:size].tobytes() if size >= 0 else size


def zstd_frame(content=CONTENT, **options):
    """As librdkafka and Java write it, which is without a size, or with options."""
    compressor = zstandard.ZstdCompressor(**{"write_content_size": False, **options})
    return compressor.compress(content)


FRAMES = {
    "zstd": (4, zstd_frame()),
    "zstd with a size": (4, zstd_frame(write_content_size=True)),
    "zstd with a checksum": (4, zstd_frame(write_checksum=True)),
    "zstd of nothing": (4, zstd_frame(b"")),
    "lz4": (3, lz4.frame.compress(CONTENT, store_size=False)),
    "lz4 with a size": (3, lz4.frame.compress(CONTENT, store_size=True)),
    "lz4 with checksums": (
        3,
        lz4.frame.compress(CONTENT, content_checksum=True, block_checksum=True),
    ),
    "lz4 of linked blocks": (3, lz4.frame.compress(CONTENT * 30, block_linked=True)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_are_taken_and_give_what_the_packages_give(name):
    codec, frame = FRAMES[name]
    expected = bytes(Decompressor(1 << 30).decompress(codec, memoryview(frame)))
    assert decompressed(codec, frame, len(expected) + SPARE) == expected
    assert decompressed(codec, frame, len(expected)) == expected


@pytest.mark.parametrize("name", [name for name in FRAMES if "nothing" not in name])
def test_nothing_is_written_behind_the_room_that_there_is(name):
    codec, frame = FRAMES[name]
    for room in (0, 1, 100, len(CONTENT) - 1):
        assert decompressed(codec, frame, room) == FULL


@pytest.mark.parametrize("name", FRAMES)
def test_what_is_cut_off_or_goes_on_is_left_to_the_packages(name):
    codec, frame = FRAMES[name]
    for cut in range(1, min(len(frame), 40)):
        assert decompressed(codec, frame[:-cut]) == BROKEN
    assert decompressed(codec, frame + b"\x00") == BROKEN
    assert decompressed(codec, frame + frame) == BROKEN


def test_windows_that_streams_refuse_are_left_to_the_packages():
    frame = bytearray(zstd_frame())
    assert not frame[4] & native.SINGLE_SEGMENT_BIT
    frame[5] = 18 << 3
    assert decompressed(4, bytes(frame)) == BROKEN
    frame[5] = 17 << 3
    assert decompressed(4, bytes(frame)) == CONTENT


def test_other_kinds_of_frames_are_left_to_the_packages():
    skippable = struct.pack("<II", 0x184D2A50, 4) + b"skip"
    for codec in (3, 4):
        assert decompressed(codec, skippable) == BROKEN
        assert decompressed(codec, b"") == BROKEN


def test_a_frame_that_did_not_end_is_forgotten():
    natives, (_, frame) = NativeCodecs(), FRAMES["lz4"]
    for _ in range(3):
        assert decompressed(3, frame[:-5], natives=natives) == BROKEN
        natives.reset()
        assert decompressed(3, frame, natives=natives) == CONTENT


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_batches_of_the_usual_kind_need_no_package(codec, monkeypatch):
    monkeypatch.setattr(unpack.Unpacker, "_decompress", None)
    rows, error, _ = ours(batch(0, records(50), codec) + batch(50, records(50), codec))
    assert (len(rows), error) == (100, None)


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_without_the_functions_the_same_is_read(codec, monkeypatch):
    whole = b"".join(batch(9 * n, records(9), codec) for n in range(9))
    expected = ours(whole)
    monkeypatch.setattr(native, "_libraries", lambda: (None, None))
    assert not NativeCodecs().table.any()
    assert ours(whole) == expected
    assert len(expected[0]) == 81


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_batches_that_do_not_fit_into_a_piece_are_read_in_the_next(codec, monkeypatch):
    """Also where one alone is larger than a piece."""
    monkeypatch.setattr(unpack, "PIECE_BYTES", 3_000)
    monkeypatch.setattr(unpack, "LEAST_ROOM", 100)
    parts = [batch(0, records(9), "lz4")]
    parts += [batch(9 * n, records(9), codec) for n in range(1, 9)]
    parts.append(batch(81, [(0, 0, None, bytes(50_000), [])], codec))
    parts.append(batch(82, records(3), codec))
    rows, error, position = ours(b"".join(parts))
    assert [row[0] for row in rows] == list(range(85))
    assert (error, position) == (None, 85)
    assert rows[81][3] == bytes(50_000)
