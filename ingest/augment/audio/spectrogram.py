"""Spectrograms of waves, as TensorFlow ops: for a model's first layer, or for its input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.augment.parameters import expect

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["log_mel", "spectrogram"]

SOFTEST = 1e-10
"""The smallest power whose logarithm is taken: 100 dB below 1."""


def spectrogram(
    waves: tf.Tensor, window: int, stride: int, nfft: int | None = None, power: bool = False
) -> tf.Tensor:
    """Short-time Fourier magnitudes under Hann windows, as `tfio.audio.spectrogram` gives them.

    Args:
        waves: float32 [..., n].
        window: samples of a window; the last windows reach into zeros behind the wave.
        stride: samples from the beginning of a window to that of the next.
        nfft: samples of a transform, at least `window`; None: the next power of two.
        power: squares of the magnitudes.

    Returns:
        float32 [..., ceil(n / stride), nfft // 2 + 1].

    Raises:
        SettingsError: a parameter is out of range.
    """
    import tensorflow as tf

    expect(window >= 1, "spectrogram: window", "samples from 1", window)
    expect(stride >= 1, "spectrogram: stride", "samples from 1", stride)
    size = nfft or 1 << (window - 1).bit_length()
    expect(size >= window, "spectrogram: nfft", f"at least window = {window}", nfft)
    bins = tf.signal.stft(waves, window, stride, size, tf.signal.hann_window, pad_end=True)
    magnitudes = tf.abs(bins)
    return tf.square(magnitudes) if power else magnitudes


def log_mel(
    waves: tf.Tensor,
    rate: float,
    window: int,
    stride: int,
    mels: int = 80,
    low: float = 20.0,
    high: float | None = None,
) -> tf.Tensor:
    """Natural logarithms of power in bands that are evenly wide to the ear, on HTK's mel scale.

    Args:
        waves: float32 [..., n].
        rate: samples a second.
        window: samples of a window; see `spectrogram`.
        stride: samples from the beginning of a window to that of the next.
        mels: bands.
        low: Hz, where the first band begins.
        high: Hz, where the last band ends; None: half the rate.

    Returns:
        float32 [..., ceil(n / stride), mels], from ln(1e-10).

    Raises:
        SettingsError: a parameter is out of range.
    """
    import tensorflow as tf

    top = rate / 2 if high is None else high
    expect(mels >= 1, "log_mel: mels", "bands from 1", mels)
    expect(0 <= low < top <= rate / 2, "log_mel: low and high", "0 to rate / 2", (low, high))
    powers = spectrogram(waves, window, stride, power=True)
    bands = tf.signal.linear_to_mel_weight_matrix(mels, powers.shape[-1], rate, low, top)
    return tf.math.log(tf.maximum(tf.tensordot(powers, bands, 1), SOFTEST))
