"""A dense layer whose kernel is too large for one device: each holds some of its columns."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.sharded.devices import device_of
from trainer.sharded.parts import Parts, add_parts, check_parts
from trainer.sharded.placing import run_on

__all__ = ["ShardedDense"]


@keras.saving.register_keras_serializable(package="millstream")
class ShardedDense(keras.layers.Layer):  # type: ignore[misc]
    """`keras.layers.Dense` in parts: y = concat over parts i of (x @ kernel_i + bias_i).

    Part i of the columns lies on device i of this machine (its GPUs, or else `virtual_devices`),
    with its optimizer slots, and is computed there, forwards and backwards. Inputs go to all of
    them, outputs [..., units] come together on the first; there the activation is taken. With as
    many shards as devices each holds an equal part (up to one column); with fewer devices they are
    dealt out in turn, with the same results.

    Guarantee: under the same seed it begins with the very weights of `keras.layers.Dense`, and
    equals it up to rounding from there on. Checkpoints hold the parts, so a model can go on with
    other devices but not with another number of shards; `unsharded` makes it whole.

    Args:
        units: Columns of the kernel.
        shards: Parts that they are cut into, 1 to `units`.
        activation: As of `keras.layers.Dense`.
        use_bias: Whether there is a bias.
        kernel_initializer: Draws the whole kernel, in the host's memory.
        bias_initializer: Draws the whole bias.
        **options: Of `keras.layers.Layer`.
    """

    def __init__(
        self,
        units: int,
        shards: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.units, self.shards, self.use_bias = units, shards, use_bias
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True
        self.supports_jit = False  # XLA compiles for one device

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the parts, each on its device.

        Raises:
            ModelError: It cannot be cut or placed so; see `trainer.sharded.parts.check_parts`.
        """
        check_parts(self, self.units, self.shards)
        kernel = Parts("kernel", (int(input_shape[-1] or 0), self.units), 1, self.shards)
        bias = Parts("bias", (self.units,), 0, self.shards)
        self.kernels = add_parts(self, kernel, self.kernel_initializer)
        self.biases = add_parts(self, bias, self.bias_initializer) if self.use_bias else []

    def call(self, inputs: Any) -> Any:
        """Return [..., units] for inputs [..., d], in the layer's compute dtype."""
        columns = [
            run_on(device_of(part), _columns, [kernel, *self.biases[part : part + 1]], inputs)
            for part, kernel in enumerate(self.kernels)
        ]
        return self.activation(tf.concat(columns, -1))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the inputs' shape with `units` in place of its last number."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made of."""
        return {**super().get_config(), "shards": self.shards, **self._whole_config()}

    def whole_layer(self) -> keras.layers.Dense:
        """Return the same layer in one piece, not built."""
        return keras.layers.Dense.from_config({**super().get_config(), **self._whole_config()})

    def whole_weights(self) -> list[np.ndarray]:
        """Return kernel [d, units] and bias [units], if there is one, put together."""
        parts = (self.kernels, self.biases) if self.use_bias else (self.kernels,)
        return [np.concatenate([part.numpy() for part in weight], -1) for weight in parts]

    def _whole_config(self) -> dict[str, Any]:
        return {
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


def _columns(inputs: Any, kernel: Any, bias: Any = None) -> Any:
    product = tf.tensordot(inputs, tf.cast(kernel, inputs.dtype), 1)
    return product if bias is None else product + tf.cast(bias, inputs.dtype)
