"""Raw bytes: values as they are, labels from keys, and only sound images and audio are good."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Field, RawDecoder, RecordBatch, Schema
from ingest.checks import check_decoder
from ingest.errors import SchemaError, SettingsError
from tests.ingest.media_samples import (
    IMAGES,
    SOUNDS,
    TONE,
    chunk,
    digits,
    interlaced_png,
    jpeg,
    png,
    wav,
    with_length,
)

IMAGE = Schema((Field("image", "bytes"),))
DIGIT = Schema((Field("image", "bytes"), Field("digit", "int32", "label", minimum=0, maximum=9)))
GREY, RGB = IMAGES["png L"], IMAGES["jpeg RGB"]
MONO = SOUNDS["mono"]
IHDR = GREY[8:33]


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


BAD_IMAGES = {
    "a tombstone": (None, "null_value"),
    "too long": (bytes(5001), "too_large"),
    "empty": (b"", "malformed"),
    "a text": (b"GIF89a", "malformed"),
    "only a signature": (GREY[:8], "malformed"),
    "png cut off": (GREY[:-13], "malformed"),
    "png without its end": (GREY[:-12], "malformed"),
    "png with a wrong checksum": (flipped(GREY, 60), "malformed"),
    "png without pixels": (GREY[:33] + chunk(b"IEND", b""), "malformed"),
    "png with two headers": (GREY[:33] + GREY[8:], "malformed"),
    "png with an unknown chunk": (GREY[:33] + chunk(b"WHAT", b"") + GREY[33:], "malformed"),
    "png with too few pixels": (GREY[:33] + chunk(b"IDAT", b"x\x9c\x03\0\0\0\0\1"), "malformed"),
    "png of no size": (GREY[:8] + chunk(b"IHDR", bytes(8) + IHDR[16:21]) + GREY[33:], "malformed"),
    "png interlaced, cut": (interlaced_png(13, 5)[:60], "malformed"),
    "png too large": (png(np.zeros((100, 101), np.uint8)), "too_large"),
    "jpeg cut off": (RGB[:-30], "malformed"),
    "jpeg without its end": (RGB[:-2], "malformed"),
    "jpeg without pixels": (RGB[:20] + b"\xff\xd9", "malformed"),
    "jpeg of no tables": (RGB[:20] + RGB[RGB.index(b"\xff\xc0") :], "malformed"),
    "jpeg too large": (jpeg(np.zeros((100, 101), np.uint8)), "too_large"),
}
BAD_SOUNDS = {
    "empty": b"",
    "cut off": MONO[:-2],
    "a byte more": MONO + b"x",
    "a chunk more, cut off": with_length(MONO + b"LIST\x08\0\0\0abcd"),
    "an odd chunk": with_length(MONO + b"LIST\x01\0\0\0a\0"),
    "no samples": with_length(MONO[:36]),
    "samples twice": with_length(MONO + MONO[36:]),
    "format twice": with_length(MONO + MONO[12:36]),
    "8 bits": wav(TONE, width=1),
    "24 bits": wav(TONE, width=3),
    "another rate": wav(TONE, rate=16_000),
    "no whole samples": with_length(SOUNDS["stereo"][:40] + b"\x02\0\0\0ab"),
    "contradicting itself": flipped(MONO, 32),
    "big-endian": b"RIFX" + MONO[4:],
}


def decode(made: RawDecoder, values, keys=None):
    return made.decode(RecordBatch.of("a", 0, range(len(values)), values, keys=keys))


def images(schema: Schema = IMAGE) -> RawDecoder:
    return RawDecoder(schema, "image", max_record_bytes=5000, max_pixels=10_000)


def sounds() -> RawDecoder:
    return RawDecoder(Schema((Field("sound", "bytes"),)), "audio", sample_rate=8000)


def test_conformance_of_images() -> None:
    values = [*IMAGES.values(), *[value for value, _ in BAD_IMAGES.values()]]
    kinds = check_decoder(images, values)
    assert kinds == {len(IMAGES) + at: kind for at, (_, kind) in enumerate(BAD_IMAGES.values())}


def test_conformance_of_audio() -> None:
    kinds = check_decoder(sounds, [*SOUNDS.values(), *BAD_SOUNDS.values(), None])
    assert set(kinds) == set(range(len(SOUNDS), len(SOUNDS) + len(BAD_SOUNDS) + 1))
    assert {kinds[at] for at in list(kinds)[:-1]} == {"malformed"}


def test_conformance_with_labels() -> None:
    keys = [b"0", b"9", b"-0", b"007", b"10", b"-1", b"", b"x", b"1.0", b"\xff", b"9" * 30, None]
    wrong = ["out_of_range"] * 2 + ["wrong_type"] * 5 + ["missing_field"]
    kinds = check_decoder(lambda: images(DIGIT), [GREY] * len(keys), keys)
    assert kinds == {4 + at: kind for at, kind in enumerate(wrong)}


def test_real_digits_with_their_labels() -> None:
    pixels, labels = digits(60)
    files = [(png if at % 2 else jpeg)(image) for at, image in enumerate(pixels)]
    found = decode(images(DIGIT), files, [str(label).encode() for label in labels])
    assert found.bad == ()
    assert found.columns["digit"].tolist() == labels
    assert found.columns["digit"].dtype == np.int32
    assert found.columns["image"].texts() == files


@pytest.mark.parametrize(
    ("options", "keys", "expected"),
    [
        ({"dtype": "bool"}, [b"true", b"1", b"false", b"0"], [True, True, False, False]),
        ({"dtype": "int64"}, [b"-5", b"9223372036854775807"], [-5, 2**63 - 1]),
        ({"dtype": "float32"}, [b"1", b"-1.5e1", b"0.25", b"-0"], [1, -15, 0.25, 0]),
        ({"dtype": "float32"}, [b"-1e-50", b"-1e-50"], [0, 0]),
        ({"dtype": "category", "vocabulary": ("1", "ærlig")}, ["ærlig".encode(), b"1"], [1, 0]),
        ({"dtype": "timestamp"}, [b"1000", b"1970-01-01T00:00:02Z"], [1000, 2000]),
    ],
)
def test_labels_from_keys(options, keys, expected) -> None:
    schema = Schema((Field("x", "bytes"), Field("y", role="label", **options)))
    found = decode(RawDecoder(schema), [b""] * len(keys), keys)
    assert found.bad == ()
    assert found.columns["y"].tobytes() == np.array(expected, found.columns["y"].dtype).tobytes()


@pytest.mark.parametrize(
    ("options", "key", "reason"),
    [
        ({"dtype": "bool"}, b"yes", 'field "y": expected bool, got "yes" (schema.label)'),
        ({"dtype": "int32"}, b"1.5", 'field "y": expected int32, got "1.5" (schema.label)'),
        (
            {"dtype": "float32"},
            b"1e999",
            'field "y": expected a finite float32, got Infinity (schema.label)',
        ),
        ({"dtype": "int32"}, None, 'field "y": the record has no key to be its label'),
        (
            {"dtype": "category", "vocabulary": ("a",)},
            b"b",
            'field "y": expected a label of the vocabulary, got "b" (schema.label)',
        ),
    ],
)
def test_reasons_of_bad_labels(options, key, reason) -> None:
    schema = Schema((Field("x", "bytes"), Field("y", role="label", **options)))
    found = decode(RawDecoder(schema), [b"v"], [key])
    assert found.bad[0].reason.startswith(reason)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("png with a wrong checksum", "no sound PNG: the checksum of its chunk b'IDAT'"),
        ("png too large", "the image has 101 x 100 pixels, more than the 10000 of max_pixels"),
        ("jpeg cut off", "no sound JPEG: it is cut off in its pixels"),
        ("a text", "neither PNG nor JPEG: 'GIF89a'"),
    ],
)
def test_reasons_of_bad_images(name: str, reason: str) -> None:
    assert decode(images(), [BAD_IMAGES[name][0]]).bad[0].reason.startswith(reason)


def test_a_bomb_is_refused_by_its_header_alone() -> None:
    header = (2**30).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    bomb = GREY[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    assert decode(images(), [bomb]).bad[0].kind == "too_large"
    jpeg_bomb = bytearray(RGB)
    at = RGB.index(b"\xff\xc0")
    jpeg_bomb[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    assert decode(images(), [bytes(jpeg_bomb)]).bad[0].kind == "too_large"


def test_cmyk_is_named() -> None:
    from io import BytesIO

    from PIL import Image

    file = BytesIO()
    Image.new("CMYK", (4, 4)).save(file, "JPEG")
    reason = decode(images(), [file.getvalue()]).bad[0].reason
    assert reason.startswith("no sound JPEG: expected 8 bits, grey or RGB; got 8 bits, 4 comp")


def test_bytes_are_whatever_they_are() -> None:
    values = [b"", b"\0", b"\xff" * 100, None, bytes(10), bytes(101)]
    found = decode(RawDecoder(IMAGE, max_record_bytes=100), values)
    assert found.columns["image"].texts() == [b"", b"\0", b"\xff" * 100, bytes(10)]
    assert [(bad.index, bad.kind) for bad in found.bad] == [(3, "null_value"), (5, "too_large")]


@pytest.mark.parametrize(
    "fields",
    [
        (Field("x", "string"),),
        (Field("x", "bytes"), Field("z", "bytes")),
        (Field("x", "bytes"), Field("w", "float32", "weight")),
    ],
)
def test_other_schemas_are_refused(fields) -> None:
    with pytest.raises(SchemaError, match="raw records have one feature, of type bytes"):
        RawDecoder(Schema(fields))


@pytest.mark.parametrize("options", [{"kind": "video"}, {"max_pixels": 0}, {"max_pixels": 2**27}])
def test_options_out_of_range_are_refused(options) -> None:
    with pytest.raises(SettingsError, match=r"(format\.media|max_pixels): expected"):
        RawDecoder(IMAGE, **options)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.binary(max_size=50), st.none() | st.binary(max_size=9)), min_size=1))
def test_arbitrary_bytes_never_raise(records) -> None:
    values, keys = [value for value, _ in records], [key for _, key in records]
    for made in (images(DIGIT), RawDecoder(DIGIT), sounds()):
        found = decode(made, values, keys)
        assert len(found.good) + len(found.bad) == len(values)
        assert all(len(bad.reason) < 400 for bad in found.bad)
    assert len(decode(RawDecoder(IMAGE), values, keys).good) == len(values)
