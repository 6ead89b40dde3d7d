"""Keras model -> float32 LiteRT bytes, the one source of everything that is scored and shipped."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from registry.errors import ExportError
from registry.flatbuffer import op_names

if TYPE_CHECKING:
    import keras

__all__ = ["export_float32"]

SIGNATURE = "serve"
LONGEST_CAUSE = 600


def export_float32(model: keras.Model) -> bytes:
    """Export a model for inference.

    The signature's inputs carry the names by which the model takes its features (the keys of a dict
    of inputs, else the names of the Input layers), and the batch axis stays open. Dropout and the
    like are off. The model itself is not changed.

    Args:
        model: a built functional or Sequential model with one output.

    Raises:
        ExportError: the model has no named inputs, more than one output, or needs operations that
            LiteRT does not have.
    """
    import keras

    inputs = named_inputs(model)
    if len(model.outputs) != 1:
        raise ExportError(f'model "{model.name}": expected 1 output, got {len(model.outputs)}')
    specs = {
        name: keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=name)
        for name, tensor in inputs.items()
    }
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(SIGNATURE, lambda features: call(model, features), input_signature=[specs])
    with tempfile.TemporaryDirectory(prefix="millstream-export-") as folder:
        archive.write_out(folder, verbose=False)
        tflite = convert(model.name, folder)
    check_operations(model.name, tflite)
    return tflite


def named_inputs(model: keras.Model) -> dict[str, Any]:
    """Input name -> symbolic tensor, under the names that `model.fit` takes a dict by.

    Raises:
        ExportError: a subclassed or unbuilt model, or an input whose batch axis is fixed.
    """
    try:
        tensors = list(model.inputs)
    except (AttributeError, ValueError, TypeError) as e:
        raise ExportError(
            f'model "{model.name}" has no named inputs: build it from keras.Input layers '
            "(functional or Sequential), not as a subclass"
        ) from e
    structure = getattr(model, "input", None)
    named = (
        dict(structure)
        if isinstance(structure, dict)
        else {tensor.name: tensor for tensor in tensors}
    )
    for name, tensor in named.items():
        if tensor.shape[0] is not None:
            raise ExportError(
                f'input "{name}": expected an open batch axis, got a fixed batch of '
                f"{tensor.shape[0]}; leave batch_size out of keras.Input"
            )
    return named


def call(model: keras.Model, features: dict[str, Any]) -> Any:
    """Run the model for inference on a dict, whatever structure its inputs have."""
    structure = getattr(model, "input", None)
    if isinstance(structure, dict):
        return model(features, training=False)
    ordered = [features[tensor.name] for tensor in model.inputs]
    return model(ordered if len(ordered) > 1 else ordered[0], training=False)


def convert(name: str, folder: str) -> bytes:
    """A SavedModel's serving signature as a flatbuffer.

    Raises:
        ExportError: the converter refuses, mostly because of operations that LiteRT lacks.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
    try:
        return bytes(converter.convert())
    except Exception as e:
        raise ExportError(
            f'model "{name}" cannot be converted to LiteRT; replace the layer that needs the '
            f"operation named here: {shorten(str(e))}"
        ) from e


def check_operations(name: str, tflite: bytes) -> None:
    """Refuse operations that only run with TensorFlow's own kernels beside LiteRT."""
    flex = sorted({op for op in op_names(tflite) if op.startswith("Flex")})
    if flex:
        raise ExportError(f'model "{name}" needs operations that LiteRT does not have: {flex}')


def shorten(text: str) -> str:
    """The telling lines of a converter's message, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "tf." in line] or lines
    return " | ".join(dict.fromkeys(telling))[:LONGEST_CAUSE]
