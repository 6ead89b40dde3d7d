"""Checkpoints: everything that training changes, in one file that is whole or not there.

A file is an .npz (no pickle): the arrays `model.variables` and `optimizer.variables`, in their
order, as `v00000`, `v00001`, ...; and `header`, JSON as bytes, with the format's version, per
variable its group, path, dtype and shape, and a digest over all of it. `.keras` files do not do:
they leave out the seed states, so training on from one gives other weights.

Format 2 also has the state of callbacks; without one, format 1 is written, which any millstream
reads, and the digest is that of format 1.

Paths are compared without Keras's counting suffixes (`dense_3` is `dense`): they depend on what
else a process built before, the order and the shapes do not.
"""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trainer.errors import CheckpointError
from trainer.fit.callback_state import callback_state, keep_callback_state
from trainer.variables import plain_path, put, take, trained_variables

FORMATS = (1, 2)
PLAIN, WITH_CALLBACKS = FORMATS
# What numpy and zipfile make of bytes that are not as they were: RuntimeError for a bit that says
# "encrypted" and, as NotImplementedError, for a version or a compression that there is not.
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    MemoryError,
    OverflowError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Saved:
    """What a file holds: variables, their values, the text of the callbacks' state, the digest."""

    entries: Sequence["Entry"]
    values: Sequence[np.ndarray]
    callbacks: str
    digest: str


@dataclass(frozen=True)
class Entry:
    """What is known of one variable: where it belongs, its Keras path, dtype and shape."""

    group: str
    path: str
    dtype: str
    shape: tuple[int, ...]

    def plain(self) -> str:
        """Return the entry as text, without what depends on the process."""
        return f"{self.group} {plain_path(self.path)} {self.dtype} {list(self.shape)}"


def save(model: keras.Model, path: Path) -> str:
    """Write the state of model, optimizer and callbacks to `path`, durably; return its digest.

    The file and its folder are synced to disk before this returns; a crash leaves the old file or
    the new one. The optimizer is built if it was not.

    Raises:
        CheckpointError: The file cannot be written.
    """
    entries, values, callbacks = _entries(model), take(model), callback_state(model)
    digest_of_it = _digest(entries, values, callbacks)
    header = {
        "format": WITH_CALLBACKS if callbacks else PLAIN,
        "keras": keras.__version__,
        "digest": digest_of_it,
        "variables": [asdict(entry) for entry in entries],
    }
    if callbacks:
        header["callbacks"] = callbacks
    arrays = {f"v{index:05d}": _plain_bytes(value) for index, value in enumerate(values)}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    try:
        _write(path, arrays)
    except OSError as error:
        raise CheckpointError(
            str(path), expected="a place to write to", got=str(error), mend="free it or change it"
        ) from error
    return digest_of_it


def load(model: keras.Model, path: Path) -> str:
    """Set the state of model, optimizer and callbacks to what `save` wrote; return its digest.

    All of it is set, or nothing.

    Raises:
        CheckpointError: No such file, damaged, foreign, of another format, or of another model.
    """
    saved, expected = _read(path), _entries(model)
    for index, (old, now) in enumerate(zip(saved.entries, expected, strict=False)):
        if old.plain() != now.plain():
            raise _other_model(path, f"variable {index}: {_told(now)}", _told(old))
    if len(saved.entries) != len(expected):
        raise _other_model(path, f"{len(expected)} variables", f"{len(saved.entries)}")
    put(model, saved.values)
    keep_callback_state(model, saved.callbacks)
    return saved.digest


def digest(source: keras.Model | Path) -> str:
    """Return the SHA-256 (hex) over names, dtypes, shapes and bytes of a model or a checkpoint.

    The state of callbacks is in it, if there is any.

    Equal for equal states in any process; a checkpoint's bytes are read and compared with it.

    Raises:
        CheckpointError: As `load`, for a path.
    """
    if isinstance(source, Path):
        return _read(source).digest
    return _digest(_entries(source), take(source), callback_state(source))


def _entries(model: keras.Model) -> list[Entry]:
    return [
        Entry(group, str(variable.path), str(variable.dtype), tuple(variable.shape))
        for group, variable in trained_variables(model)
    ]


def _digest(entries: Iterable[Entry], values: Iterable[np.ndarray], callbacks: str) -> str:
    total = hashlib.sha256(b"millstream checkpoint 1")
    for entry, value in zip(entries, values, strict=True):
        total.update(f"\n{entry.plain()}\n".encode())
        total.update(np.ascontiguousarray(value).tobytes())
    if callbacks:
        total.update(f"\ncallbacks {callbacks}\n".encode())
    return total.hexdigest()


def _plain_bytes(value: np.ndarray) -> np.ndarray:
    if value.dtype.kind in "biuf":
        return value
    return np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> Saved:
    try:
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(file["header"].tobytes())
            _check_format(path, header)
            entries = [_entry(item) for item in header["variables"]]
            values = [_value(file[f"v{i:05d}"], entry) for i, entry in enumerate(entries)]
            callbacks = str(header["callbacks"]) if header["format"] == WITH_CALLBACKS else ""
            expected = str(header["digest"])
    except FileNotFoundError as error:
        raise CheckpointError(
            str(path), expected="a checkpoint", got="no such file", mend="name another round"
        ) from error
    except _DAMAGE as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    found = _digest(entries, values, callbacks)
    if found != expected:
        raise _damaged(path, f"digest {found[:12]} where {expected[:12]} was saved")
    return Saved(entries, values, callbacks, found)


def _entry(item: dict[str, Any]) -> Entry:
    return Entry(item["group"], item["path"], item["dtype"], tuple(item["shape"]))


def _value(array: np.ndarray, entry: Entry) -> np.ndarray:
    dtype = np.dtype(entry.dtype)
    if array.dtype != dtype:
        array = np.frombuffer(array.tobytes(), dtype)
    return array.reshape(entry.shape)


def _check_format(path: Path, header: Any) -> None:
    found = header.get("format") if isinstance(header, dict) else None
    if found not in FORMATS:
        raise CheckpointError(
            str(path),
            expected=f"checkpoint format {' or '.join(map(str, FORMATS))}",
            got=f"format {found} saved",
            mend="use the millstream that wrote it, or start from a fresh state folder",
        )


def _told(entry: Entry) -> str:
    return f"{entry.group} {entry.path} {entry.dtype}{list(entry.shape)}"


def _damaged(path: Path, got: str) -> CheckpointError:
    mend = "go back to an earlier round's checkpoint"
    return CheckpointError(str(path), expected="a whole millstream checkpoint", got=got, mend=mend)


def _other_model(path: Path, expected: str, saved: str) -> CheckpointError:
    return CheckpointError(
        str(path),
        expected=f"{expected} (of the model now)",
        got=f"{saved} saved",
        mend="undo the change to the model, or start from a fresh state folder",
    )
