"""The weights that a model begins with: those of a `.keras` file or of an exported SavedModel.

If the file has the variables of the model, one for one in shape and order, all of them are taken.
Otherwise a variable is taken where layer and variable have the same names, so that a new head can
stand on an old body; those of other names keep their first values.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trainer.errors import ModelError, one_line
from trainer.hints import did_you_mean
from trainer.variables import plain_path

KERAS = ".keras"
SAVED_MODEL = "saved_model.pb"
_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"  # where a TensorFlow checkpoint says what is in it


@dataclass(frozen=True)
class Started:
    """Which of a model's variables came from a file.

    Attributes:
        taken: Their paths.
        kept: Paths of those that the file does not have.
    """

    taken: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class _Given:
    """A variable of the file."""

    path: str
    value: np.ndarray


def start_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file, or of the names and bytes of all files in a folder.

    Raises:
        ModelError: It is neither a `.keras` file nor a SavedModel.
    """
    total = hashlib.sha256()
    if not _is_folder(path):
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    for each in sorted(entry for entry in path.rglob("*") if entry.is_file()):
        with each.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{each.relative_to(path).as_posix()} {digest}\n".encode())
    return total.hexdigest()


def start_from(model: keras.Model, path: Path) -> Started:
    """Give a model the weights of a file, which stays as it is.

    A `.keras` file may name layers of the user's own if they are registered
    (`keras.saving.register_keras_serializable`); code in it is not run (Keras's safe mode). Of a
    SavedModel the variables are read, and nothing else.

    Raises:
        ModelError: No such file, one that cannot be read, no variable in common, or one of the same
            name and another shape or kind of number.
    """
    given = _exported(path) if _is_folder(path) else _saved(path)
    wanted = [variable for variable in model.variables if not _is_seed(variable.path)]
    _check_kinds(wanted, given, path)
    if [_form(each.path, each.value) for each in given] == [_form(v.path, v) for v in wanted]:
        for variable, each in zip(wanted, given, strict=True):
            variable.assign(each.value)
        return Started(tuple(variable.path for variable in wanted), ())
    return _by_name(wanted, given, path)


def _check_kinds(wanted: Sequence[Any], given: Sequence[_Given], path: Path) -> None:
    """Refuse whole numbers that stand for others by a scale, as in a quantized model."""
    whole = {v.path for v in given if not keras.backend.is_float_dtype(v.value.dtype.name)}
    names = [v.path for v in wanted if v.path in whole and keras.backend.is_float_dtype(v.dtype)]
    if names:
        raise ModelError(
            f'{path}, "{names[0]}"',
            expected="floats, as the model has",
            got="whole numbers, such as those of a quantized model",
            mend="save the model before it is quantized",
        )


def _by_name(wanted: Sequence[Any], given: Sequence[_Given], path: Path) -> Started:
    values = {each.path: each.value for each in given}
    twice = [path for path in values if sum(each.path == path for each in given) > 1]
    taken = [variable for variable in wanted if variable.path in values]
    for variable in taken:
        found = tuple(values[variable.path].shape)
        if found != tuple(variable.shape):
            raise ModelError(
                f'{path}, "{variable.path}"',
                expected=f"shape {tuple(variable.shape)}, as the model has",
                got=f"shape {found}",
                mend="give the layer another name if it is to begin anew",
            )
    if unclear := [path for path in twice if any(v.path == path for v in taken)]:
        raise ModelError(
            f'{path}, "{unclear[0]}"',
            expected="one variable of a name",
            got="several",
            mend="give the layers of nested models names of their own",
        )
    if not taken:
        raise ModelError(
            str(path),
            expected="variables with names of the model's",
            got=", ".join(list(values)[:6]),
            mend=f"name the model's layers alike; it has {', '.join(v.path for v in wanted[:6])}",
        )
    for variable in taken:
        variable.assign(values[variable.path])
    names = {variable.path for variable in taken}
    return Started(tuple(names), tuple(v.path for v in wanted if v.path not in names))


def _saved(path: Path) -> list[_Given]:
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise ModelError(
            str(path),
            expected="a model that Keras can load",
            got=f"{type(error).__name__}: {one_line(error, 200)}",
            mend="register its own layers in the model file with"
            " keras.saving.register_keras_serializable",
        ) from error
    return [_Given(v.path, v.numpy()) for v in model.variables if not _is_seed(v.path)]


def _exported(path: Path) -> list[_Given]:
    try:
        named = _listed(str(path / "variables" / "variables"))
    except Exception as error:  # damaged bytes raise whatever they like
        raise ModelError(
            str(path),
            expected="a SavedModel that TensorFlow can read",
            got=f"{type(error).__name__}: {one_line(error, 200)}",
            mend="write it again with Keras's model.export(FOLDER)",
        ) from error
    if not named:
        raise ModelError(
            str(path),
            expected="a SavedModel that lists its variables",
            got="one that does not",
            mend="write it with Keras's model.export(FOLDER), or give a .keras file",
        )
    return [each for each in named if not _is_seed(each.path)]


def _listed(prefix: str) -> list[_Given]:
    """What the list `variables` of an exported model holds, in its order; nothing without one.

    `tf.saved_model.load` would run what the file tells it to, such as the initialisers of tables.
    """
    import tensorflow as tf
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    reader = tf.train.load_checkpoint(prefix)
    nodes = TrackableObjectGraph.FromString(reader.get_tensor(_GRAPH)).nodes
    tracked = {child.local_name: child.node_id for child in nodes[0].children}
    if "variables" not in tracked:
        return []
    listed = sorted((int(c.local_name), c.node_id) for c in nodes[tracked["variables"]].children)
    stored = [nodes[node].attributes[0] for _, node in listed]
    return [_Given(each.full_name, reader.get_tensor(each.checkpoint_key)) for each in stored]


def _is_folder(path: Path) -> bool:
    if (path / SAVED_MODEL).is_file():
        return True
    if path.is_file() and path.suffix == KERAS:
        return False
    if path.exists():
        raise ModelError(
            f"train.start_from {path}",
            expected="a .keras file, or a folder that model.export wrote",
            got="another thing",
            mend='load it with Keras, and write it with model.save("NAME.keras")',
        )
    beside = [entry.name for entry in path.parent.glob("*")] if path.parent.is_dir() else []
    raise ModelError(
        f"train.start_from {path}",
        expected="a .keras file, or a folder that model.export wrote",
        got="no such file",
        mend=did_you_mean(path.name, beside) if beside else "name one",
    )


def _is_seed(path: str) -> bool:
    return "seed_generator" in path


def _form(path: str, value: Any) -> tuple[str, tuple[int, ...]]:
    return plain_path(path), tuple(value.shape)
