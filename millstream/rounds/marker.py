"""The marker `DONE` of a round: that it happened, and the digests of all that it left.

Format 1 was the digest of the weights alone, as text: the other files of such a round can be
checked for their form only. Format 2 names every file of the round, and the marker of the round
before, so that a folder of another state, or one that was restored from elsewhere, is noticed too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from millstream.errors import RoundStoreError
from millstream.rounds.seal import damaged, file_digest, seal, unseal

__all__ = ["Marker"]

FORMAT = 2
FIRST_FORMAT = re.compile(rb"[0-9a-f]{64}\n")
LATER = {"DONE", "published.json"}  # written with or after the marker


@dataclass(frozen=True)
class Marker:
    """What a marker says.

    Attributes:
        weights: digest of the checkpoint's content.
        files: SHA-256 of each file that the round left, by name; None of a round of format 1.
        parent: SHA-256 of the marker of the round before; None of round 0 and of format 1.
    """

    weights: str
    files: Mapping[str, str] | None = None
    parent: str | None = None

    @classmethod
    def of(cls, folder: Path, weights: str, parent: str | None) -> Marker:
        """That of a folder that is complete but for it."""
        files = {
            path.name: file_digest(path)
            for path in sorted(folder.iterdir())
            if path.is_file() and path.name not in LATER and not path.name.startswith(".")
        }
        return cls(weights, files, parent)

    @classmethod
    def read(cls, path: Path) -> Marker:
        """That of a file.

        Raises:
            RoundStoreError: it is damaged, or of a newer format.
        """
        content = read_bytes(path)
        if FIRST_FORMAT.fullmatch(content):
            return cls(content.decode().strip())
        value = unseal(path, content)
        if (found := value.pop("format", None)) != FORMAT:
            raise RoundStoreError(
                f"{path}: expected a marker of format {FORMAT} or 1, got format {found!r};"
                " use the millstream that wrote it, or another service.state_dir"
            )
        try:
            return msgspec.convert(value, cls)
        except msgspec.ValidationError as error:
            raise damaged(path, "a marker", str(error)) from error

    def encode(self) -> bytes:
        """The content of the file.

        Raises:
            RoundStoreError: it is one of format 1, which nobody writes any more.
        """
        if self.files is None:
            raise RoundStoreError("DONE: expected the digests of files, got a marker of format 1")
        plain: dict[str, Any] = {"files": dict(self.files), "parent": self.parent}
        return seal({"format": FORMAT, "weights": self.weights, **plain})

    def check(self, path: Path, content: bytes) -> None:
        """Check the content of one of the round's files.

        Raises:
            RoundStoreError: it is not what the round left.
        """
        if self.files is not None:
            found = hashlib.sha256(content).hexdigest()
            check_digest(path, self.files.get(path.name), found)


def check_digest(path: Path, saved: str | None, found: str) -> None:
    """Compare the digest of a file with the one that its round's marker has.

    Raises:
        RoundStoreError: it is another.
    """
    if saved is None:
        raise damaged(path, "a file that the round's marker names", "one that it does not name")
    if saved != found:
        raise damaged(path, f"SHA-256 {saved[:12]}, as DONE has it", found[:12])


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        RoundStoreError: there is none that can be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise damaged(path, "a file of the round", error.strerror or str(error)) from error
