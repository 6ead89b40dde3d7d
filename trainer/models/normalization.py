"""Normalisation with the statistics of the stream: they come with each round, and go into exports.

The layer computes (x - offset) / deviation - shift. Offset and shift together are the mean, which
is offset + shift * deviation; the shift is about a half.

* What is far from 0 and hardly varies, such as a moment in milliseconds, is made small first, and
  whole numbers as whole numbers: a float32 has 24 bits, and none is spent on the mean.
* After (x - mean) / deviation, LiteRT's converter folds the division into a dense layer behind it.
  Features of different sizes then make weights of different sizes, and int8, with one scale for
  them all, loses the small ones. A shift keeps the division where it is.
* The deviation is kept, as the variance of numbers that fit a float32 need not fit one itself.
"""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from trainer.errors import ModelError
from trainer.hints import did_you_mean

FLOAT32 = np.finfo(np.float32)
LARGEST_WHOLE = 2.0**52
KEPT = {"dtype": "float32", "trainable": False, "autocast": False}


@keras.saving.register_keras_serializable(package="millstream")
class StreamNormalization(keras.layers.Layer):  # type: ignore[misc]
    """Brings a feature to mean 0 and standard deviation 1 over the stream so far.

    `StreamNormalization("distance")(keras.Input((1,), name="distance"))` gives float32 in the shape
    of its input; each place of a list has its own mean and deviation. Three weights that are not
    trained hold them: `set_statistics` sets them at each round, and before the first the layer
    changes nothing. Checkpoints hold them as all weights, exports as constants, so what is served
    takes raw values. A feature that has always been the same is moved by its mean and not scaled.

    Args:
        feature: the name of the feature that the input is.
        **options: of `keras.layers.Layer`.
    """

    def __init__(self, feature: str, **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options, "autocast": False})
        self.feature = feature
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, in the shape of a row.

        Raises:
            ModelError: The shape of a row is not known.
        """
        shape = tuple(input_shape[1:])
        if None in shape:
            raise ModelError(
                _place(self.feature),
                expected="an input whose rows have one shape",
                got=f"shape {shape}",
                mend="give keras.Input the length that the feature has in the schema",
            )
        self.offset = self.add_weight(name="offset", shape=shape, initializer="zeros", **KEPT)
        self.deviation = self.add_weight(name="deviation", shape=shape, initializer="ones", **KEPT)
        self.shift = self.add_weight(name="shift", shape=shape, initializer="zeros", **KEPT)

    def call(self, inputs: Any) -> Any:
        """Return the normalised values, float32 in the shape of the inputs."""
        offset = ops.convert_to_tensor(self.offset)
        if "int" in keras.backend.standardize_dtype(inputs.dtype):
            whole = ops.clip(ops.floor(offset), -LARGEST_WHOLE, LARGEST_WHOLE)
            inputs = ops.cast(inputs, "int64") - ops.cast(whole, "int64")
            offset = offset - whole
        return (ops.cast(inputs, "float32") - offset) / self.deviation - self.shift

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made of."""
        return {**super().get_config(), "feature": self.feature}

    def set_statistics(self, mean: ArrayLike, variance: ArrayLike) -> None:
        """Take over a mean and a variance: one number each, or one for each place of a row.

        Raises:
            ModelError: They are of another shape, not finite, or the variance is below 0.
        """
        mean, variance = self._fitting(mean), self._fitting(variance)
        if not (np.isfinite(mean).all() and np.isfinite(variance).all() and (variance >= 0).all()):
            raise ModelError(
                _place(self.feature),
                expected="finite means, and variances of at least 0",
                got=f"means {mean.ravel()[:3]}, variances {variance.ravel()[:3]}",
                mend="give the feature its range (min, max) in the schema",
            )
        deviation = np.sqrt(variance)
        deviation = _float32(np.where(deviation < FLOAT32.tiny, 1.0, deviation))
        offset = _float32(mean - deviation / 2.0)
        self.offset.assign(offset)
        self.deviation.assign(deviation)
        self.shift.assign(_float32((mean - offset) / deviation))

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Check that numbers of a shape are one for all, or one for each place of a row.

        Raises:
            ModelError: They are not.
        """
        mine = tuple(self.deviation.shape)
        if math.prod(shape) not in {1, math.prod(mine)}:
            raise ModelError(
                _place(self.feature),
                expected=f"statistics of shape {mine}, that of its input's rows",
                got=f"shape {shape}",
                mend="normalise the feature as it comes, before other layers change its shape",
            )

    def _fitting(self, value: ArrayLike) -> NDArray[np.float64]:
        array, shape = np.asarray(value, np.float64), tuple(self.deviation.shape)
        self.check_shape(array.shape)
        return array.reshape(shape if array.size > 1 else ()) + np.zeros(shape)


def check_normalized(model: keras.Model, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Check that each `StreamNormalization` layer of a model can be given its numbers.

    Args:
        model: The model.
        shapes: Of the mean, by feature that has one.

    Raises:
        ModelError: A layer's feature has no mean (with did-you-mean), or one of another shape.
    """
    for layer in _layers(model):
        if layer.feature not in shapes:
            raise ModelError(
                _place(layer.feature),
                expected="a feature with a mean: a number, a timestamp or a list of one length",
                got=f'"{layer.feature}", which is none',
                mend=did_you_mean(layer.feature, shapes),
            )
        layer.check_shape(shapes[layer.feature])


def set_statistics(
    model: keras.Model, statistics: Mapping[str, tuple[ArrayLike, ArrayLike]]
) -> None:
    """Give a model's `StreamNormalization` layers their numbers; other models are left alone.

    Args:
        model: The model.
        statistics: (mean, variance) by feature: one number each, or one for each place of a row.

    Raises:
        ModelError: As `check_normalized`; or a layer's numbers are not finite, or its variance is
            below 0.
    """
    check_normalized(model, {name: np.shape(mean) for name, (mean, _) in statistics.items()})
    for layer in _layers(model):
        layer.set_statistics(*statistics[layer.feature])


def _layers(model: keras.Model) -> list[StreamNormalization]:
    every = model._flatten_layers(include_self=False)
    return [layer for layer in every if isinstance(layer, StreamNormalization)]


def _float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.clip(values, FLOAT32.min, FLOAT32.max).astype(np.float32)


def _place(feature: str) -> str:
    return f'StreamNormalization("{feature}")'
