"""The sharded layers of a model, and what they do not go with."""

from __future__ import annotations

import keras

from trainer.errors import ModelError
from trainer.sharded.dense import ShardedDense
from trainer.sharded.embedding import ShardedEmbedding

__all__ = ["SHARDED", "check_xla", "is_sharded", "sharded_layers"]

SHARDED = (ShardedDense, ShardedEmbedding)


def sharded_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return the sharded layers within a model or a layer, at any depth."""
    return [part for part in layer._flatten_layers(include_self=False) if isinstance(part, SHARDED)]


def is_sharded(model: keras.Model) -> bool:
    """Return whether a model has a sharded layer, at any depth."""
    return bool(sharded_layers(model))


def check_xla(model: keras.Model, xla: bool | None) -> None:
    """Check that XLA is not asked for if a model has sharded layers: it compiles for one device.

    Without being asked for, Keras leaves it off for such a model.

    Raises:
        ModelError: It is.
    """
    if xla and is_sharded(model):
        raise ModelError(
            "train.xla",
            expected="false for a model on several devices, as XLA compiles for one",
            got="true",
            mend=f'set it to false, or leave "{sharded_layers(model)[0].name}" whole',
        )
