"""What `RawDecoder` calls good, `decode_images` and `decode_audio` decode in a tf.data pipeline."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ingest import RawDecoder, RecordBatch, Schema, decode_audio, decode_images
from ingest.errors import SettingsError
from ingest.field import Field
from tests.ingest.media_samples import (
    IMAGES,
    SOUNDS,
    TONE,
    chunk,
    digits,
    mend_checksums,
    noise,
    png,
    with_length,
)

SCHEMA = Schema((Field("raw", "bytes"),))
PNGS = [raw for name, raw in IMAGES.items() if name.startswith("png")]
JPEGS = [raw for name, raw in IMAGES.items() if name.startswith("jpeg")]


def is_good(raw: bytes, kind: str) -> bool:
    made = RawDecoder(SCHEMA, kind, max_pixels=10**6)
    return len(made.decode(RecordBatch.of("a", 0, [0], [raw])).good) == 1


def test_digits_come_back_in_a_pipeline() -> None:
    pixels, _ = digits(50)
    files = tf.data.Dataset.from_tensor_slices([png(image) for image in pixels])
    batches = files.batch(16).map(lambda raw: decode_images(raw, (8, 8), 1, "uint8"))
    assert batches.element_spec == tf.TensorSpec((None, 8, 8, 1), tf.uint8)
    found = np.concatenate(list(batches.as_numpy_iterator()))
    assert np.array_equal(found[..., 0], pixels)


def test_sizes_channels_and_ranges() -> None:
    files = list(IMAGES.values())
    for channels in (1, 3):
        whole = decode_images(tf.constant(files), (12, 10), channels)
        assert whole.shape == (len(files), 12, 10, channels)
        assert whole.dtype == tf.float32
        assert 0 <= float(tf.reduce_min(whole)) < float(tf.reduce_max(whole)) <= 1
        again = [decode_images(tf.constant(raw), (12, 10), channels) for raw in files]
        assert np.array_equal(whole, tf.stack(again))
    small = decode_images(files, (12, 10), 3, "uint8")
    assert np.array_equal(small, np.round(decode_images(files, (12, 10)) * 255))


@pytest.mark.parametrize(("width", "height"), [(10**6, 1), (10**6 + 1, 1), (1, 10**6 + 1)])
def test_sides_that_tensorflow_reads_are_good_and_no_others(width: int, height: int) -> None:
    raw = png(np.zeros((height, width), np.uint8))
    made = RawDecoder(SCHEMA, "image")
    good = len(made.decode(RecordBatch.of("a", 0, [0], [raw])).good) == 1
    assert good == (max(width, height) <= 10**6)
    if good:
        assert decode_images(raw, (2, 2), 1).shape == (2, 2, 1)
    else:
        with pytest.raises(tf.errors.InvalidArgumentError):
            decode_images(raw, (2, 2), 1)


def test_colours_become_grey_and_grey_becomes_colour() -> None:
    grey = decode_images([png(noise("L", 5, 4))], (4, 5), 3, "uint8").numpy()
    assert np.array_equal(grey[..., 0], grey[..., 2])
    assert np.array_equal(grey[0, ..., 0], noise("L", 5, 4))


def test_audio_is_cut_and_filled() -> None:
    found = decode_audio([SOUNDS["mono"], SOUNDS["silent"]], 50).numpy()
    assert found.shape == (2, 50, 1)
    assert np.allclose(found[0, :40], TONE / 32768, atol=1e-4)
    assert not found[0, 40:].any()
    assert not found[1].any()
    assert decode_audio(SOUNDS["stereo"], 7, channels=2).shape == (7, 2)
    assert np.array_equal(decode_audio(SOUNDS["stereo"], 40), decode_audio(SOUNDS["mono"], 40))
    batches = tf.data.Dataset.from_tensors(list(SOUNDS.values())).map(
        lambda raw: decode_audio(raw, 9, 2)
    )
    assert batches.element_spec.shape == (len(SOUNDS), 9, 2)
    assert next(iter(batches)).shape == (len(SOUNDS), 9, 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: decode_images(["x"], (0, 8)),
        lambda: decode_images(["x"], (8, 8), 2),
        lambda: decode_images([[1]], (8, 8)),
        lambda: decode_audio(["x"], 0),
        lambda: decode_audio([["x"]], 5),
    ],
)
def test_what_cannot_be_is_refused(call) -> None:
    with pytest.raises(SettingsError, match="expected"):
        call()


@st.composite
def mutated(draw, samples):
    """A sound file that was damaged in up to four places."""
    raw = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(raw) - 1, 0)))
        cut = draw(st.sampled_from([0, 1, 1, 1, 2, 9]))
        put = draw(st.binary(min_size=1, max_size=1) | st.binary(max_size=6))
        raw = raw[:at] + put + raw[at + cut :]
    return raw


@st.composite
def repacked(draw):
    """A PNG with other pixels than its encoder wrote, packed well."""
    raw = draw(st.sampled_from(PNGS))
    at = raw.index(b"IDAT")
    size = int.from_bytes(raw[at - 4 : at], "big")
    pixels = bytearray(zlib.decompress(raw[at + 4 : at + 4 + size]))
    for _ in range(draw(st.integers(1, 4))):
        pixels[draw(st.integers(0, len(pixels) - 1))] = draw(st.integers(0, 255))
    return raw[: at - 4] + chunk(b"IDAT", zlib.compress(bytes(pixels))) + raw[at + 8 + size :]


SETTINGS = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))


@SETTINGS
@given(st.one_of(mutated(PNGS).map(mend_checksums), mutated(PNGS), repacked()))
def test_every_good_png_decodes(raw: bytes) -> None:
    assume(is_good(raw, "image"))
    assert decode_images(raw, (6, 5), 1).shape == (6, 5, 1)
    assert decode_images(raw, (6, 5), 3).shape == (6, 5, 3)


@SETTINGS
@given(mutated(JPEGS))
def test_every_good_jpeg_decodes(raw: bytes) -> None:
    assume(is_good(raw, "image"))
    assert decode_images(raw, (6, 5), 1).shape == (6, 5, 1)
    assert decode_images(raw, (6, 5), 3).shape == (6, 5, 3)


@SETTINGS
@given(st.one_of(mutated(list(SOUNDS.values())), mutated(list(SOUNDS.values())).map(with_length)))
def test_every_good_wav_decodes(raw: bytes) -> None:
    assume(is_good(raw, "audio"))
    assert decode_audio(raw, 45).shape == (45, 1)


def test_a_bad_image_would_have_stopped_the_pipeline() -> None:
    cut = IMAGES["jpeg RGB"][:-30]
    assert not is_good(cut, "image")
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_images(cut, (6, 5))
    short = SOUNDS["mono"][:-2]
    assert not is_good(short, "audio")
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_audio(short, 5)
