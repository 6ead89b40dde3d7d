"""Arrays and some plain data beside them as bytes: an .npz without pickles."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["pack", "unpack"]

TOLD = "told"
FOREIGN = (
    OSError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,  # zipfile: encrypted, or NotImplementedError for a newer version
    zipfile.BadZipFile,
)
"""What reading raises where bytes are of another form, beside ValueError."""


def pack(told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Bytes of some arrays, whose names may be any texts, and of plain data."""
    whole = {**told, "arrays": list(arrays)}
    text = json.dumps(whole, sort_keys=True, allow_nan=False).encode()
    numbered = {f"array {place}": array for place, array in enumerate(arrays.values())}
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{TOLD: np.frombuffer(text, np.uint8), **numbered})
    return file.getvalue()


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The inverse of `pack`.

    Raises:
        ValueError: they are not of that form.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            told = json.loads(file[TOLD].tobytes())
            names = told.pop("arrays")
            return told, {name: file[f"array {place}"] for place, name in enumerate(names)}
    except FOREIGN as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
