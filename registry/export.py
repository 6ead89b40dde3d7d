"""Keras model -> float32 LiteRT bytes, the one source of everything that is scored and shipped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.errors import ExportError, LiteModelError
from registry.flatbuffer import op_names
from registry.litert import LiteModel
from registry.recurrent import plain_loops
from registry.scratch import scratch_folder

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

__all__ = ["export_float32", "named_inputs"]

SIGNATURE = "serve"
LONGEST_CAUSE = 600
PROBE_ROWS, PROBE_STEPS = 3, 32
TOLERANCE = 1e-3


def export_float32(model: keras.Model) -> bytes:
    """Export a model for inference.

    The signature's inputs carry the names by which the model takes its features (the keys of a dict
    of inputs, else the names of the Input layers), and the batch axis stays open. Dropout and the
    like are off. The bytes are checked against the model on a few rows. The model is not changed.

    Args:
        model: a built functional or Sequential model. Several outputs carry the keys of a dict of
            outputs, else the names of their layers.

    Raises:
        ExportError: the model has no named inputs, or needs operations that LiteRT does not have.
    """
    inputs = named_inputs(model)
    with scratch_folder("export") as scratch:
        folder = str(scratch)
        try:
            write_archive(model, inputs, folder, whole=False)
        except AssertionError:  # TensorFlow's word for something captured that is not tracked
            write_archive(model, inputs, folder, whole=True)
        tflite = convert(model.name, folder)
    check_operations(model.name, tflite)
    check_predictions(model, inputs, tflite)
    return tflite


def write_archive(
    model: keras.Model, inputs: Mapping[str, Any], folder: str, *, whole: bool
) -> None:
    """Write a SavedModel that has the model's inference as its one signature.

    Args:
        model: what is exported.
        inputs: its symbolic tensors by name.
        folder: where to.
        whole: whether everything that the model holds is looked through for lookup tables. Keras
            then traces the model twice more; variables are found without it.

    Raises:
        AssertionError: the model needs `whole`.
    """
    import keras

    specs = {
        name: keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=name)
        for name, tensor in inputs.items()
    }
    archive = keras.export.ExportArchive()
    if whole:
        archive.track(model)
    with plain_loops(model):
        archive.add_endpoint(
            SIGNATURE, lambda given: answers(model, given), input_signature=[specs]
        )
        archive.write_out(folder, verbose=False)


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
    structure = input_structure(model)
    named = structure or {tensor.name: tensor for tensor in tensors}
    for name, tensor in named.items():
        if tensor.shape[0] is not None:
            raise ExportError(
                f'input "{name}": expected an open batch axis, got a fixed batch of '
                f"{tensor.shape[0]}; leave batch_size out of keras.Input"
            )
    return named


def input_structure(model: keras.Model) -> dict[str, Any]:
    """The dict of inputs that a functional model was made from; empty for any other structure."""
    try:
        structure = model.input
    except AttributeError:
        return {}
    return dict(structure) if isinstance(structure, dict) else {}


def call(model: keras.Model, features: dict[str, Any]) -> Any:
    """Run the model for inference on a dict, whatever structure its inputs have."""
    if input_structure(model):
        return model(features, training=False)
    ordered = [features[tensor.name] for tensor in model.inputs]
    return model(ordered if len(ordered) > 1 else ordered[0], training=False)


def answers(model: keras.Model, features: dict[str, Any]) -> Any:
    """Run the model as `call` does: a tensor where it has one output, else a dict by name."""
    import keras

    given = call(model, features)
    if len(model.outputs) == 1 or isinstance(given, dict):
        return given
    names = model.output_names
    if len(set(names)) < len(names):
        names = [f"output_{place}" for place in range(len(names))]
    return dict(zip(names, keras.tree.flatten(given), strict=True))


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
            f"operations named here: {shorten(str(e))}"
        ) from e


def check_operations(name: str, tflite: bytes) -> None:
    """Refuse operations that only run with TensorFlow's own kernels beside LiteRT."""
    foreign = sorted({op for op in op_names(tflite) if op.startswith("Flex")})
    if foreign:
        raise ExportError(f'model "{name}" needs operations that LiteRT does not have: {foreign}')


def check_predictions(model: keras.Model, inputs: dict[str, Any], tflite: bytes) -> None:
    """Compare the bytes with the model on a few rows: the converter can fail silently.

    Both on the processor: a GPU may round the factors of float32 products (TensorFloat-32).

    Raises:
        ExportError: the model cannot predict such rows, LiteRT cannot load the bytes, or predicts
            something else.
    """
    import tensorflow as tf

    probes = {name: probe(tensor) for name, tensor in inputs.items()}
    try:
        with tf.device("CPU:0"):
            found = answers(model, probes)
    except Exception as e:  # whatever a layer raises of rows that it cannot take
        shapes = {name: list(values.shape) for name, values in probes.items()}
        raise ExportError(
            f'model "{model.name}" cannot predict rows of the shapes {shapes}: {shorten(str(e))}'
        ) from e
    expected = found if isinstance(found, dict) else {"": found}
    try:
        predicted = LiteModel(tflite).predict(probes)
    except LiteModelError as e:
        raise ExportError(f'model "{model.name}" does not run in LiteRT: {e}') from e
    got = predicted if isinstance(predicted, dict) else dict.fromkeys(expected, predicted)
    for name, values in expected.items():
        check_close(f'model "{model.name}"', np.asarray(values), got[name])


def check_close(what: str, expected: NDArray[Any], got: NDArray[Any]) -> None:
    """Refuse predictions that the conversion changed.

    Raises:
        ExportError: see `check_predictions`.
    """
    got = got.reshape(expected.shape)
    if not np.allclose(got, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
        raise ExportError(
            f"{what} predicts something else after conversion to LiteRT: expected "
            f"{expected.reshape(-1)[:4].tolist()}, got {got.reshape(-1)[:4].tolist()}"
        )


def probe(tensor: Any) -> NDArray[Any]:
    """A few rows for one input: -1 to 1 for floats, zeros for the rest, which may be indices.

    Open axes are long enough for a few convolutions without padding.
    """
    shape = (PROBE_ROWS, *(size or PROBE_STEPS for size in tensor.shape[1:]))
    if "float" not in tensor.dtype:
        return np.zeros(shape, tensor.dtype)
    spread = np.linspace(-1.0, 1.0, int(np.prod(shape))).reshape(shape)
    return spread.astype(tensor.dtype)


def shorten(text: str) -> str:
    """The operations that a converter's message names, or else its first line."""
    named = dict.fromkeys(re.findall(r"\btf\.[A-Z]\w+", text))
    return ", ".join(named) if named else text.strip().partition("\n")[0][:LONGEST_CAUSE]
