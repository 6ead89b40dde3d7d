"""Spectrograms are what numpy computes, have known peaks, and can be a layer of a model."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from ingest import log_mel, spectrogram
from ingest.errors import SettingsError
from tests.ingest.audio_samples import RATE, chirp, waves


def by_numpy(wave: np.ndarray, window: int, stride: int, nfft: int) -> np.ndarray:
    """Magnitudes [t, f], one window after another."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    padded = np.concatenate([wave, np.zeros(window)])
    starts = range(0, len(wave), stride)
    return np.stack([np.abs(np.fft.rfft(padded[s : s + window] * hann, nfft)) for s in starts])


@pytest.mark.parametrize(
    ("window", "stride", "nfft"), [(256, 128, None), (200, 80, 512), (100, 130, 128)]
)
def test_magnitudes_are_those_of_numpy(window: int, stride: int, nfft: int | None) -> None:
    column = waves(6, 3001)
    found = spectrogram(column, window, stride, nfft)
    size = nfft or 256
    assert found.shape == (6, -(-3001 // stride), size // 2 + 1)
    assert found.dtype == tf.float32
    expected = [by_numpy(wave.astype(np.float64), window, stride, size) for wave in column]
    assert np.allclose(found, expected, atol=2e-5)
    powers = spectrogram(column, window, stride, nfft, power=True)
    assert np.allclose(powers, np.square(expected), atol=1e-3)
    assert np.allclose(spectrogram(column[2], window, stride, nfft), expected[2], atol=2e-5)


def test_a_tone_is_a_line_and_a_chirp_climbs() -> None:
    tone = spectrogram(chirp(1000, 1000), 256, 128).numpy()
    assert (tone[5:-5].argmax(axis=1) == 1000 * 256 / RATE).all()
    rising = spectrogram(chirp(500, 3500), 256, 128).numpy()[:-2].argmax(axis=1)
    middles = 128 * (np.arange(len(rising)) + 1) / RATE  # s
    assert np.abs(rising - (500 + 3000 * middles) * 256 / RATE).max() <= 1


def test_mel_bands_are_even_to_the_ear_and_loudness_is_logarithmic() -> None:
    def band(frequency: float) -> float:
        found = log_mel(chirp(frequency, frequency), RATE, 512, 128, mels=40, low=0.0)
        assert found.shape == (63, 40)
        return float(found[10].numpy().argmax())

    for frequency in (300, 700, 1500, 3000):
        mel = 2595 * np.log10(1 + np.array([frequency, RATE / 2]) / 700)
        assert abs(band(frequency) - (mel[0] / mel[1] * 41 - 1)) <= 1
    sound = chirp(1000, 1000)
    loud, soft = (log_mel(sound * gain, RATE, 512, 128).numpy() for gain in (1, 0.1))
    peaks = loud > 0
    assert peaks.any()
    assert np.allclose((loud - soft)[peaks], np.log(100), atol=1e-4)
    assert np.allclose(log_mel(np.zeros(900, np.float32), RATE, 512, 128), np.log(1e-10))


def test_a_spectrogram_is_a_layer_of_a_model_that_is_exported(tmp_path) -> None:
    inputs = keras.Input((800,), name="sound")
    layer = keras.layers.Lambda(lambda wave: log_mel(wave, RATE, 256, 128, 20))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(layer(inputs)))
    column = waves(3, 800)
    assert layer.output.shape == (None, 7, 20)
    expected = model.predict(column, verbose=0)
    model.export(tmp_path / "saved", verbose=False)
    served = tf.saved_model.load(tmp_path / "saved").serve(column)
    assert np.allclose(served, expected, atol=1e-5)
    converted = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert()
    small = Interpreter(model_content=converted)
    found = small.get_signature_runner()(sound=column)["output_0"]
    assert np.allclose(found, expected, atol=1e-3)


def test_wrong_parameters_are_refused() -> None:
    wave = chirp(100, 200, 900)
    wrong = [
        (lambda: spectrogram(wave, 0, 128), "window: expected samples from 1, got 0"),
        (lambda: spectrogram(wave, 256, 0), "stride: expected samples from 1, got 0"),
        (lambda: spectrogram(wave, 256, 64, 128), "nfft: expected at least window = 256, got 128"),
        (lambda: log_mel(wave, RATE, 256, 64, 0), "mels: expected bands from 1, got 0"),
        (lambda: log_mel(wave, RATE, 256, 64, high=9000), "expected 0 to rate / 2, got (20.0, 90"),
    ]
    for call, text in wrong:
        with pytest.raises(SettingsError) as error:
            call()
        assert text in str(error.value)
