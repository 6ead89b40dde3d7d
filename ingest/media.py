"""Images and audio, from the bytes of a record to tensors, inside a tf.data pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from ingest.errors import SettingsError

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["decode_audio", "decode_images"]

LARGEST_UINT8 = 255.0
PARALLEL = 16


def decode_images(
    images: tf.Tensor,
    size: tuple[int, int],
    channels: Literal[1, 3] = 3,
    dtype: Literal["uint8", "float32"] = "float32",
) -> tf.Tensor:
    """PNG and JPEG files as pixels of one size; to be used in `dataset.map`.

    Every image that `RawDecoder(kind="image")` calls good is decoded without an error. The outcome
    depends on the bytes alone: accurate inverse DCT, bilinear resize with antialiasing; an image
    that has the size already keeps its pixels.

    Args:
        images: string [b], or a single string [].
        size: (height, width) in pixels.
        channels: 1 for grey, 3 for RGB; colours are converted, transparency is dropped.
        dtype: uint8 from 0 to 255, or float32 from 0 to 1.

    Returns:
        [b, height, width, channels], or [height, width, channels] for a single string.

    Raises:
        SettingsError: the size or the channels are out of range.
    """
    import tensorflow as tf

    height, width = size
    if height < 1 or width < 1 or channels not in (1, 3):
        raise SettingsError(
            f"decode_images: expected a size from (1, 1) and 1 or 3 channels, got {size} and"
            f" {channels}"
        )

    def one(raw: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_jpeg(raw, channels=channels, dct_method="INTEGER_ACCURATE")
        resized = tf.image.resize(pixels, size, method="bilinear", antialias=True)
        resized = tf.clip_by_value(tf.round(resized), 0.0, LARGEST_UINT8)
        resized = tf.ensure_shape(resized, (height, width, channels))
        return tf.cast(resized, tf.uint8) if dtype == "uint8" else resized / LARGEST_UINT8

    return _each(images, one, tf.TensorSpec((height, width, channels), tf.as_dtype(dtype)))


def decode_audio(audio: tf.Tensor, samples: int, channels: int = 1) -> tf.Tensor:
    """WAV files as samples of one length; to be used in `dataset.map`.

    Every file that `RawDecoder(kind="audio")` calls good is decoded without an error.

    Args:
        audio: string [b], or a single string [].
        samples: of each channel; a longer file is cut, a shorter one has zeros at its end.
        channels: a file with more loses the last ones, one with less repeats its last one.

    Returns:
        float32 [b, samples, channels] from -1 to 1, or [samples, channels] for a single string.

    Raises:
        SettingsError: `samples` or `channels` is below 1.
    """
    import tensorflow as tf

    if samples < 1 or channels < 1:
        raise SettingsError(
            f"decode_audio: expected samples and channels from 1, got {samples} and {channels}"
        )

    def one(raw: tf.Tensor) -> tf.Tensor:
        wave = tf.audio.decode_wav(raw, desired_channels=channels, desired_samples=samples)
        return tf.ensure_shape(wave.audio, (samples, channels))

    return _each(audio, one, tf.TensorSpec((samples, channels), tf.float32))


def _each(raws: tf.Tensor, one: Callable[[tf.Tensor], tf.Tensor], spec: tf.TensorSpec) -> tf.Tensor:
    import tensorflow as tf

    strings = tf.convert_to_tensor(raws)
    if strings.dtype != tf.string or strings.shape.rank not in (0, 1):
        raise SettingsError(
            f"expected a tensor of strings [] or [b], got {strings.dtype.name} of shape"
            f" {strings.shape}"
        )
    if strings.shape.rank == 0:
        return one(strings)
    return tf.map_fn(one, strings, fn_output_signature=spec, parallel_iterations=PARALLEL)
