"""Segments: the files of a history, written once and shared by the checkpoints that name them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from ingest.errors import RowsError
from ingest.rows import Rows

__all__ = ["Segments"]

ENDING = ".arrow"


class Segments:
    """A folder of Arrow IPC files.

    Guarantee: a segment that `write` returned from is there whole, also after a power cut, and is
    never changed afterwards.

    Args:
        folder: made when the first segment is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, rows: Rows) -> None:
        """Write a segment durably; one of the same name that nobody refers to is replaced."""
        self._folder.mkdir(parents=True, exist_ok=True)
        rows.save(self._path(name))

    def read(self, name: str) -> Rows:
        """The rows of a segment, left in the file until they are looked at.

        Raises:
            RowsError: there is no such segment, or it is damaged.
        """
        return Rows.load(self._path(name), mapped=True)

    def digest(self, name: str) -> str:
        """SHA-256 (hex) of a segment's file.

        Raises:
            RowsError: there is no such segment, or it cannot be read.
        """
        path = self._path(name)
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise RowsError(f"{path}: expected a file of rows: {error}") from error

    def check(self, name: str, digest: str) -> None:
        """Compare a segment with the digest that it had, which takes a look at each byte.

        Raises:
            RowsError: it is another, or cannot be read.
        """
        if (found := self.digest(name)) != digest:
            raise RowsError(
                f"{self._path(name)}: expected SHA-256 {digest[:12]}, as it was written, got"
                f" {found[:12]}"
            )

    def remove_all_but(self, names: Collection[str]) -> list[str]:
        """Remove the segments that no checkpoint refers to any more, and say which they were."""
        found = sorted(path.name.removesuffix(ENDING) for path in self._folder.glob(f"*{ENDING}"))
        unused = [name for name in found if name not in names]
        for name in unused:
            self._path(name).unlink()
        return unused

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{ENDING}"
