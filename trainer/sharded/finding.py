"""The sharded layers of a model."""

from __future__ import annotations

import keras

from trainer.sharded.dense import ShardedDense
from trainer.sharded.embedding import ShardedEmbedding

__all__ = ["SHARDED", "is_sharded", "sharded_layers"]

SHARDED = (ShardedDense, ShardedEmbedding)


def sharded_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return the sharded layers within a model or a layer, at any depth."""
    return [part for part in layer._flatten_layers(include_self=False) if isinstance(part, SHARDED)]


def is_sharded(model: keras.Model) -> bool:
    """Return whether a model has a sharded layer, at any depth."""
    return bool(sharded_layers(model))
