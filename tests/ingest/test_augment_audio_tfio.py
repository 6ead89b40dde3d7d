"""Spectrograms and masks beside those of tensorflow-io, which `make test-tfio-audio` installs."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from ingest.augment.audio.masks import FrequencyMask, TimeMask
from ingest.augment.audio.spectrogram import log_mel, spectrogram
from tests.ingest.audio_samples import RATE, SEEDS, augmented, chirp, speech, waves

tfio = pytest.importorskip("tensorflow_io", reason="make test-tfio-audio installs it")
BOTH = pytest.mark.parametrize(
    ("ours", "theirs"), [(TimeMask, "time_mask"), (FrequencyMask, "freq_mask")]
)
SIZE, WIDTH = 12, 5


@pytest.mark.parametrize(
    ("nfft", "window", "stride"), [(256, 256, 128), (512, 200, 80), (128, 100, 130)]
)
def test_spectrograms_are_the_same(nfft: int, window: int, stride: int) -> None:
    most = 0.0
    for wave in (chirp(300, 3000), speech(), waves(1, 3001)[0]):
        found = spectrogram(wave, window, stride, nfft).numpy()
        theirs = tfio.audio.spectrogram(wave, nfft=nfft, window=window, stride=stride).numpy()
        assert found.shape == theirs.shape
        most = max(most, np.abs(found - theirs).max() / theirs.max())
        mels = log_mel(wave, RATE, 256, 128, 40, 50.0, 3500.0)
        power = tf.square(tfio.audio.spectrogram(wave, nfft=256, window=256, stride=128))
        bands = tfio.audio.melscale(power, rate=RATE, mels=40, fmin=50.0, fmax=3500.0)
        assert np.allclose(mels, np.log(np.maximum(bands, 1e-10)), atol=1e-4)
    print(f"\nTensorFlow {tf.__version__}: largest difference {most:.1e} of the peak", end="")
    assert most < 1e-6


def test_a_batch_is_what_each_wave_is() -> None:
    column = waves(9, 2000)
    found = spectrogram(column, 256, 64).numpy()
    for wave, ours in zip(column, found, strict=True):
        theirs = tfio.audio.spectrogram(wave, nfft=256, window=256, stride=64).numpy()
        assert np.abs(ours - theirs).max() < 1e-6 * theirs.max()


@BOTH
def test_masks_have_the_same_widths_and_places(ours, theirs: str) -> None:
    axis = 0 if ours is TimeMask else 1
    ones = np.ones((len(SEEDS), SIZE, 3) if axis == 0 else (len(SEEDS), 3, SIZE), np.float32)
    mask = getattr(tfio.audio, theirs)

    @tf.function
    def each(rows: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(lambda row: mask(row, WIDTH), rows)

    tf.random.set_seed(3)
    found = counted(augmented(ours("sound", WIDTH, 1, 1.0), ones), axis)
    expected = counted(each(ones).numpy(), axis)
    assert np.array_equal(found > 0, expected > 0)  # the same widths and places can be
    both = (found + expected)[found + expected > 0]
    off = np.square(found - expected)[found + expected > 0]
    chi_square, cells = float((off / both).sum()), len(both)
    print(f"\n{theirs}: chi square {chi_square:.1f}, {cells} widths and places", end="")
    assert cells == 1 + sum(SIZE - width for width in range(1, WIDTH))
    assert chi_square < cells - 1 + 4 * np.sqrt(2 * (cells - 1))


def counted(masked: np.ndarray, axis: int) -> np.ndarray:
    """How many rows have a mask so wide that begins there; [widths, starts]."""
    zero = masked == 0
    assert ((masked == 1) | zero).all()
    covered = zero.all(axis=2 - axis)
    assert np.array_equal(covered, zero.any(axis=2 - axis))
    table = np.zeros((SIZE + 1, SIZE), np.int64)
    np.add.at(table, (covered.sum(axis=1), covered.argmax(axis=1)), 1)
    return table


@BOTH
def test_a_row_keeps_its_mask_and_theirs_do_not(ours, theirs: str) -> None:
    ones = np.ones((64, 20, 20), np.float32)
    step = ours("sound", 10, 1, 1.0)
    assert np.array_equal(augmented(step, ones), augmented(step, ones))
    drawn = [getattr(tfio.audio, theirs)(ones[0], 10).numpy() for _ in range(8)]
    assert any(not np.array_equal(drawn[0], other) for other in drawn)


@BOTH
def test_masks_wider_than_the_spectrogram_are_cut_where_theirs_fail(ours, theirs: str) -> None:
    ones = np.ones((200, 6, 6), np.float32)
    masked = augmented(ours("sound", 50, 1, 1.0), ones)
    assert 0 < masked.mean() < 1
    mask = getattr(tfio.audio, theirs)
    with pytest.raises(tf.errors.InvalidArgumentError):
        [mask(row, 50) for row in ones]
