"""A folder that follows an alias: the version in use, the one before it, and no half ones.

versions/7   a pulled version
current      -> versions/7, replaced by one rename
previous     -> versions/6, for a roll-back without MLflow
follow.json  whom the folder follows, and the version that was announced last
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from registry.errors import PullError
from registry.publication import ModelVersion
from registry.pull import read_pulled

__all__ = ["Shelf", "open_shelf"]

STATE_FILE = "follow.json"
FORMAT = "millstream.follow/1"


@contextmanager
def open_shelf(folder: Path | None, reference: str) -> Iterator[Shelf]:
    """The folder of a follower, for this process alone; what a killed one left half is removed.

    Args:
        folder: made if it is not there; None is a temporary one, which goes at the end.
        reference: what is followed, as `NAME@alias`.

    Raises:
        PullError: it is in use, follows something else, is not ours, or cannot be written to.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="millstream-follow-") as scratch:
            yield Shelf(Path(scratch), reference)
        return
    try:
        (folder / "versions").mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as e:
        raise PullError(f"{folder}: cannot follow {reference} here: {e.strerror}") from e
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            raise PullError(f"{folder} is in use by another follower; give each its own") from e
        yield Shelf(folder, reference)


class Shelf:
    """The versions in a follower's folder; see `open_shelf`.

    Args:
        folder: the folder.
        reference: what is followed.

    Raises:
        PullError: it follows something else, or cannot be written to.
    """

    def __init__(self, folder: Path, reference: str) -> None:
        self.folder = folder.resolve()
        self._versions, self._reference = self.folder / "versions", reference
        followed = self._state().get("reference", reference)
        if followed != reference:
            raise PullError(f"{folder} follows {followed}, not {reference}; give another folder")
        self._versions.mkdir(exist_ok=True)
        for half in (*self._versions.glob(".*"), *self.folder.glob(".*.new")):
            if half.is_dir() and not half.is_symlink():
                shutil.rmtree(half, ignore_errors=True)
            else:
                half.unlink(missing_ok=True)
        self._write_state({})

    @property
    def announced(self) -> tuple[int, str] | None:
        """Number and run of the version that was announced last."""
        state = self._state()
        return (int(state["version"]), str(state["run_id"])) if "version" in state else None

    def place(self, number: int) -> Path:
        """Where a version lies, or would."""
        return self._versions / str(number)

    def holds(self, version: ModelVersion) -> bool:
        """Whether a version lies here, and each file of it is what was published."""
        try:
            return read_pulled(self.place(version.version)).run_id == version.run_id
        except PullError:
            return False

    def current(self) -> Path | None:
        """Where the version in use lies; None if there is none yet."""
        number = self._number("current")
        return None if number is None else self.place(number)

    def previous(self) -> int | None:
        """The version that was in use before."""
        return self._number("previous")

    def switch(self, number: int) -> None:
        """Make a version that lies here the one in use; all but it and the one before go.

        Raises:
            PullError: the folder cannot be written to.
        """
        before = self._number("current")
        try:
            if before is not None and before != number:
                self._link("previous", before)
            self._link("current", number)
        except OSError as e:
            raise PullError(f"cannot write to {self.folder}: {e}") from e
        kept = {str(number), str(self.previous())}
        for old in self._versions.iterdir():
            if old.name not in kept:
                shutil.rmtree(old, ignore_errors=True)

    def announce(self, version: ModelVersion) -> None:
        """Write down that a version was announced.

        Raises:
            PullError: the folder cannot be written to.
        """
        self._write_state({"version": version.version, "run_id": version.run_id})

    def _link(self, name: str, number: int) -> None:
        fresh = self.folder / f".{name}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("versions") / str(number))
        fresh.replace(self.folder / name)

    def _number(self, name: str) -> int | None:
        try:
            return int((self.folder / name).readlink().name)
        except (OSError, ValueError):
            return None

    def _state(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / STATE_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) and found.get("format") == FORMAT else {}

    def _write_state(self, changes: dict[str, Any]) -> None:
        state = {**self._state(), "format": FORMAT, "reference": self._reference, **changes}
        fresh = self.folder / f".{STATE_FILE}.new"
        try:
            with fresh.open("w", encoding="utf-8") as file:
                json.dump(state, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.folder / STATE_FILE)
        except OSError as e:
            raise PullError(f"cannot write to {self.folder}: {e.strerror}") from e
