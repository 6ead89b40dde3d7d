"""A table of embeddings that is too large for one device: each holds some of its rows."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.sharded.devices import device_of
from trainer.sharded.parts import Parts, add_parts, bounds_of, check_parts
from trainer.sharded.placing import run_on

__all__ = ["ShardedEmbedding"]


@keras.saving.register_keras_serializable(package="millstream")
class ShardedEmbedding(keras.layers.Layer):  # type: ignore[misc]
    """`keras.layers.Embedding` in parts: each device looks up the rows that it holds.

    Part i of the rows, a range of them, lies on device i of this machine (its GPUs, or else
    `virtual_devices`), with its optimizer slots. All indices go to all devices; each answers with
    its rows, and with zeros for those of others; the first device adds up. With as many shards as
    devices each holds an equal part (up to one row); with fewer devices they are dealt out in turn,
    with the same results.

    Guarantee: under the same seed it begins with the very rows of `keras.layers.Embedding`, answers
    with the same numbers, and trains as it does, with gradients of the rows that were looked up. An
    index outside the table is an error where it is one there. Checkpoints hold the parts, so a
    model can go on with other devices but not with another number of shards; `unsharded` makes it
    whole.

    Args:
        input_dim: Rows of the table.
        output_dim: Numbers of a row.
        shards: Parts that the rows are cut into, 1 to `input_dim`.
        embeddings_initializer: Draws the whole table, in the host's memory.
        mask_zero: Whether index 0 is a padding, as of `keras.layers.Embedding`.
        **options: Of `keras.layers.Layer`.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        shards: int,
        embeddings_initializer: Any = "uniform",
        mask_zero: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**{**options, "autocast": False})
        self.input_dim, self.output_dim, self.shards = input_dim, output_dim, shards
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.mask_zero = self.supports_masking = mask_zero
        self.supports_jit = False  # XLA compiles for one device

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:  # noqa: ARG002
        """Make the parts, each on its device.

        Raises:
            ModelError: It cannot be cut or placed so; see `trainer.sharded.parts.check_parts`.
        """
        check_parts(self, self.input_dim, self.shards)
        table = Parts("embeddings", (self.input_dim, self.output_dim), 0, self.shards)
        self.tables = add_parts(self, table, self.embeddings_initializer)

    def call(self, inputs: Any) -> Any:
        """Return [..., output_dim] for indices [...], in the layer's compute dtype.

        Negative indices count from the end, as of `keras.layers.Embedding`.
        """
        indices = inputs if inputs.dtype in {tf.int32, tf.int64} else tf.cast(inputs, tf.int32)
        indices = tf.where(indices < 0, indices + self.input_dim, indices)
        rows = [
            run_on(device_of(part), self._look_up(part), [table], indices)
            for part, table in enumerate(self.tables)
        ]
        return tf.add_n(rows)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:  # noqa: ARG002
        """Return which indices are not 0, if that is a padding."""
        return keras.ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the indices' shape and `output_dim`."""
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made of."""
        return {**super().get_config(), "shards": self.shards, **self._whole_config()}

    def whole_layer(self) -> keras.layers.Embedding:
        """Return the same layer in one piece, not built."""
        return keras.layers.Embedding.from_config({**super().get_config(), **self._whole_config()})

    def whole_weights(self) -> list[np.ndarray]:
        """Return the table [input_dim, output_dim], put together."""
        return [np.concatenate([table.numpy() for table in self.tables])]

    def _look_up(self, part: int) -> Any:
        """A function from indices and a part's table to its rows, 0 for those of other parts.

        The first and the last part also look up what no part has, so that it is refused as ever.
        """
        start, stop = bounds_of(self.input_dim, self.shards)[part]
        low = None if part == 0 else start
        high = None if part == self.shards - 1 else stop

        def look_up(indices: Any, table: Any) -> Any:
            mine = tf.ones_like(indices, tf.bool)
            mine = mine if low is None else mine & (indices >= low)
            mine = mine if high is None else mine & (indices < high)
            rows = tf.gather(table, tf.where(mine, indices - start, 0))
            rows = tf.cast(rows, self.compute_dtype)
            return tf.where(mine[..., None], rows, tf.zeros((), rows.dtype))

        return look_up

    def _whole_config(self) -> dict[str, Any]:
        return {
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            "mask_zero": self.mask_zero,
        }
