"""JSON that carries a digest of itself, so that a changed byte is noticed when it is read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from millstream.errors import RoundStoreError

__all__ = ["damaged", "file_digest", "parse", "seal", "sealed_digest", "unseal"]

KEY = "seal"


def seal(value: dict[str, Any]) -> bytes:
    """The value as JSON, with its SHA-256 under `seal`; keys are sorted.

    Raises:
        ValueError: a number is not finite.
    """
    return _text({**value, KEY: sealed_digest(value)})


def unseal(path: Path, content: bytes) -> dict[str, Any]:
    """The value that `seal` made the content from.

    Raises:
        RoundStoreError: not a byte of it may be another; names the file.
    """
    value = parse(path, content)
    saved = value.pop(KEY, None)
    try:
        same = content == seal(value)
    except ValueError as error:
        raise damaged(path, "finite numbers", str(error)) from error
    if not same:
        found = sealed_digest(value)
        raise damaged(path, f"what has the seal {str(saved)[:12]}", f"what has {found[:12]}")
    return value


def sealed_digest(value: dict[str, Any]) -> str:
    """SHA-256 (hex) of the value's JSON."""
    return hashlib.sha256(_text(value)).hexdigest()


def parse(path: Path, content: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        RoundStoreError: the content is none; names the file.
    """
    try:
        value = json.loads(content)
    except ValueError as error:
        raise damaged(path, "a readable JSON object", str(error)) from error
    if not isinstance(value, dict):
        raise damaged(path, "a readable JSON object", f"a {type(value).__name__}")
    return value


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damaged(path: Path, expected: str, got: str) -> RoundStoreError:
    """The error for a file of the state folder that is not as it was written."""
    return RoundStoreError(
        f"{path}: expected {expected}, got {got}; restore the folder from a backup, or use another"
        " service.state_dir"
    )


def _text(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"
