"""Files that are either wholly there or not there at all, also after a power cut."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["make_folder", "read_json", "sync_folder", "write_bytes", "write_json"]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Create a folder (and its parents) durably; an existing one is left as it is."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace a file atomically; with `durable`, its content and name survive a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    temporary.replace(path)
    if durable:
        sync_folder(path.parent)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Replace a JSON file atomically; keys are sorted, non-finite numbers refused."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False)
    write_bytes(path, text.encode() + b"\n", durable=durable)


def read_json(path: Path) -> Any:
    """Parse a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
