"""Mixed precision: layers compute in 16 bits, while their variables keep 32."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from trainer.models.options import Precision


@contextmanager
def layers_of(precision: Precision) -> Iterator[None]:
    """Let layers that are made within compute in a precision, unless they say their own."""
    if precision == "float32":
        yield
        return
    own = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(own)


def keep_output(model: keras.Model) -> None:
    """Let a model's last layer compute in float32: 8 bits of a probability say too little.

    Of a nested model at the end it is the last layer of that one.
    """
    operation = model.outputs[0]._keras_history.operation
    if isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
        keep_output(operation)
    elif isinstance(operation, keras.layers.Layer):
        operation.dtype_policy = "float32"
