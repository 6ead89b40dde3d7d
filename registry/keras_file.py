"""The model as a `.keras` file, for people who go on with it in TensorFlow: weights, no optimizer.

The bytes are a function of the model and Keras's version, so that a publication that is done again
writes the same file.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import ExportError
from registry.scratch import scratch_folder

if TYPE_CHECKING:
    import keras

__all__ = ["KerasFile", "make_keras_file"]

METADATA, CONFIG = "metadata.json", "config.json"
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can hold
LAMBDA = "__lambda__"


@dataclass(frozen=True)
class KerasFile:
    """A `.keras` file.

    Attributes:
        content: the file.
        classes: registered names of the classes and functions that are not Keras's own, sorted; who
            loads the file must have them.
    """

    content: bytes
    classes: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Digest of the file, in hex."""
        return hashlib.sha256(self.content).hexdigest()


def make_keras_file(model: keras.Model) -> KerasFile:
    """A model as a file for inference. The model is not changed.

    Args:
        model: a built functional or Sequential model.

    Raises:
        ExportError: the model cannot be told by its configuration, or would bring code along.
    """
    import keras

    if any(isinstance(layer, keras.layers.Lambda) for layer in model._flatten_layers()):
        raise brings_code(model.name)
    try:
        bare = type(model).from_config(model.get_config())  # clone_model copies the optimizer, too
        bare.set_weights(model.get_weights())
        with scratch_folder("keras") as folder:
            bare.save(path := folder / "model.keras")
            content, config = undated(path)
    except Exception as e:
        told = (str(e).strip() or type(e).__name__).partition("\n")[0][:300]
        raise ExportError(f'model "{model.name}" cannot be saved as .keras: {told}') from e
    if any(node["class_name"] == LAMBDA for node in nodes(config)):
        raise brings_code(model.name)
    return KerasFile(content, tuple(sorted(set(own(config)))))


def brings_code(name: str) -> ExportError:
    """What is said of a model whose file would have Python's bytecode in it."""
    return ExportError(
        f'model "{name}" is not saved as .keras: a Lambda would bring code along; make it a layer'
        " class, or a registered function"
    )


def undated(path: Path) -> tuple[bytes, Any]:
    """A `.keras` file without the dates in it, and its configuration."""
    copy = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == METADATA:
                version = json.loads(content)["keras_version"]
                content = json.dumps({"keras_version": version, "date_saved": ""}).encode()
            new.writestr(zipfile.ZipInfo(name, LONG_AGO), content)
        config = json.loads(old.read(CONFIG))
    return copy.getvalue(), config


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a configuration that has a class."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def own(config: Any) -> Iterator[str]:
    """The registered names of what is not Keras's own."""
    for node in nodes(config):
        module, name = str(node.get("module") or ""), node.get("registered_name")
        if name and module.partition(".")[0] != "keras":
            is_function = node["class_name"] == "function"
            yield str(node["config"] if is_function else name)
