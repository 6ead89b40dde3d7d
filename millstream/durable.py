"""Files that are either wholly there or not there at all, also after a power cut."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from millstream.errors import ConfigError

__all__ = ["make_folder", "read_as", "read_json", "sync_folder", "write_bytes", "write_json"]

T = TypeVar("T")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Create a folder (and its parents) durably; an existing one is left as it is.

    Raises:
        ConfigError: it cannot be made, or nothing can be written into it.
    """
    try:
        _make_folder(folder)
    except OSError as error:
        raise ConfigError(
            f"{folder}: expected a folder that can be made and written to, got:"
            f" {error.strerror or error}; choose another service.state_dir, or correct its rights"
        ) from error


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
    elif not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def write_bytes(
    path: Path, content: bytes, *, durable: bool = True, mode: int | None = None
) -> None:
    """Replace a file atomically; with `durable`, its content and name survive a power cut.

    Args:
        path: of the file.
        content: all of it.
        durable: whether to wait for the disk.
        mode: rights that it has from the first on; None for those that the process gives.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            if durable:
                os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)  # on a full disk its part is not to stay
        raise
    temporary.replace(path)
    if durable:
        sync_folder(path.parent)


def write_json(path: Path, value: Any, *, durable: bool = True, mode: int | None = None) -> None:
    """Replace a JSON file as `write_bytes`; keys are sorted, non-finite numbers refused."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False)
    write_bytes(path, text.encode() + b"\n", durable=durable, mode=mode)


def read_json(path: Path) -> Any:
    """Parse a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_as(path: Path, kind: type[T]) -> T | None:
    """A dataclass from a JSON file, or None when the file is absent or not of that form."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, ValueError):
        return None
