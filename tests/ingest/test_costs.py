"""What a record costs is bounded by its bytes, whatever they say."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from ingest import Decoder, Field, JsonDecoder, RawDecoder, RecordBatch, Schema
from ingest.formats.value_columns import column_of_values
from ingest.ragged import Ragged
from tests.ingest.media_samples import chunk

IMAGE = Schema((Field("image", "bytes"),))
MB = 1_000_000
# Each of these takes hours if its time grows with the square of its length.
LONG = {
    "escapes in a string without an end": b'{"x": "' + b'\\"' * (MB // 2 - 4),
    "backslashes": b'"' + b"\\" * (MB - 1),
    "strings without a comma": b'""' * (MB // 2),
    "digits": b'{"x": ' + b"9" * (MB - 7) + b"}",
    "digits of an integer": b'{"n": ' + b"9" * (MB - 7) + b"}",
    "digits of a fraction": b'{"x": 0.' + b"0" * (MB - 10) + b"1}",
    "open brackets": b'{"x": ' + b"[" * (MB - 6),
    "open brackets in strings": b'{"x": ' + b'["[",' * (MB // 5 - 2),
    "one key, again and again": b"{" + b'"x":0,' * (MB // 6 - 1) + b'"x":0}',
    "words": b'{"y": "' + b"NaN " * (MB // 4 - 2),
    "base64": b'{"y": "' + b"=" * (MB - 9) + b'"}',
}
FIELDS = Schema((Field("x", "float32"), Field("n", "int64", default=0), Field("y", "bytes")))


def decode(made: Decoder, values: list[bytes]):
    return made.decode(RecordBatch.of("a", 0, range(len(values)), values))


def peak(call: Callable[[], object]) -> int:
    """Most bytes that Python and numpy had at once for a call."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", LONG)
def test_a_json_record_takes_time_by_its_length(name: str) -> None:
    assert len(LONG[name]) <= MB
    found = decode(JsonDecoder(FIELDS), [LONG[name]])
    assert len(found.bad) == 1
    assert len(found.bad[0].reason) < 400


def test_a_batch_of_json_takes_memory_by_its_bytes() -> None:
    made = JsonDecoder(Schema((Field("x", "float32", length=3072),)))
    decode(made, [b"{}"])
    assert peak(lambda: decode(made, [b"{}"] * 20_000)) < 100 * MB


def test_lists_of_another_length_take_no_room_of_the_right_one() -> None:
    field = Field("x", "float32", length=3072)
    empty: list[object] = [[] for _ in range(8192)]
    assert peak(lambda: column_of_values(field, empty)) < 4 * MB
    some = [[1.0] * 3072, [1.0], [2.0] * 3072]
    column, fine = column_of_values(field, some)
    assert fine.tolist() == [True, False, True]
    assert [row.tolist() for row in column[fine]] == [some[0], some[2]]


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    file = io.BytesIO()
    Image.new("L", (16, 16)).save(file, "JPEG", progressive=True)
    raw = file.getvalue()
    last = raw.rindex(b"\xff\xda")
    made = RawDecoder(IMAGE, "image")
    for scans, bad in ((60, 0), (1000, 1)):
        found = decode(made, [raw[:last] + raw[last:-2] * scans + raw[-2:]])
        assert len(found.bad) == bad
    assert "more than 100 scans" in found.bad[0].reason


def test_a_png_is_unpacked_piece_by_piece() -> None:
    side, depth = 2048, 8
    rows = zlib.compress(bytes((1 + depth * side) * side), 9)
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    raw = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)
    made = RawDecoder(IMAGE, "image")
    assert len(decode(made, [raw]).good) == 1
    assert peak(lambda: decode(made, [raw])) < 2 * MB


def test_rows_are_taken_without_a_place_for_each_byte() -> None:
    column = Ragged.of([bytes(10 * MB), b"x", bytes(10 * MB)], np.uint8)
    column.take([0])
    assert peak(lambda: column.take([2, 0])) < 45 * MB
