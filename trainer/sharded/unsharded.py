"""A sharded model made whole, for whatever takes a model in one piece, such as exports."""

from __future__ import annotations

import keras
import tensorflow as tf

from trainer.errors import ModelError, one_line
from trainer.sharded.devices import HOST
from trainer.sharded.finding import SHARDED, is_sharded, sharded_layers

__all__ = ["unsharded"]


def unsharded(model: keras.Model) -> keras.Model:
    """Return a model with the same weights whose layers are whole; the same one if they all are.

    `ShardedDense` becomes `keras.layers.Dense`, `ShardedEmbedding` `keras.layers.Embedding`; all
    other layers are copied by their configuration, also those of nested models. The copy is not
    compiled, and lies in the host's memory, which must have room for the whole. Outputs are the
    same up to rounding.

    Args:
        model: A functional or Sequential model, built.

    Raises:
        ModelError: It cannot be copied, or a sharded layer is inside another layer.
    """
    if not is_sharded(model):
        return model
    try:
        with tf.device(HOST):
            copy = keras.models.clone_model(model, clone_function=_whole, recursive=True)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise ModelError(
            f'model "{model.name}"',
            expected="a functional or Sequential model whose layers have a get_config()",
            got=f"{type(error).__name__}: {one_line(error, 160)}",
            mend="give your own layers a get_config() that names all their arguments",
        ) from error
    _copy_weights(model, copy)
    return copy


def _whole(layer: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(layer, SHARDED):
        return layer.whole_layer()
    inner = sharded_layers(layer)
    if inner:
        raise ModelError(
            f'{type(layer).__name__} "{layer.name}"',
            expected="sharded layers in the model itself or in models within it",
            got=f'{type(inner[0]).__name__} "{inner[0].name}" inside a layer',
            mend="use it in the model, beside the layer",
        )
    return layer.__class__.from_config(layer.get_config())


def _copy_weights(model: keras.Model, copy: keras.Model) -> None:
    """Set the copy's weights, layer by layer."""
    for layer, new in zip(model.layers, copy.layers, strict=True):
        if isinstance(layer, SHARDED):
            new.set_weights(layer.whole_weights())
        elif sharded_layers(layer):
            _copy_weights(layer, new)
        else:
            new.set_weights(layer.get_weights())
