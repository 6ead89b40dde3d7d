"""The token that actions must show: in a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from millstream.durable import make_folder
from millstream.errors import ConfigError

__all__ = ["FILE", "find_token", "is_token"]

FILE = "page.token"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
MOST_BYTES = 200


def find_token(state_dir: Path) -> str:
    """The token of a state folder; it is made if there is none, or if others could read it.

    Raises:
        ConfigError: the file cannot be read or made.
    """
    make_folder(state_dir)
    path = state_dir / FILE
    try:
        return _read(path) or _make(path)
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a file that can be read and made, got: {error.strerror};"
            " remove it, or correct its rights"
        ) from error


def is_token(given: str, token: str) -> bool:
    """Whether it is the token; it takes as long for a near miss as for a wide one."""
    return secrets.compare_digest(given.encode(), token.encode())


def _read(path: Path) -> str | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(file.fileno()).st_mode & OTHERS:
            return None
        return file.read(MOST_BYTES).decode("ascii", "replace").strip() or None


def _make(path: Path) -> str:
    with suppress(FileNotFoundError):
        path.unlink()
    token = secrets.token_urlsafe(32)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
    return token
