"""The manifest of a round in the store: written last, and what it names is the round.

Each file is an object by its path in the state folder and its content, so that a second attempt at
a round does no harm to a first one:

    rounds/000042/weights.npz.<sha256>    the round's own
    history/000042-train.arrow.<sha256>   segments that its history names
    recipes/<fingerprint>.json.<sha256>   its recipe
    rounds/000042/SAVED                   the manifest; without it the round is not in the store
    rounds/000042/published.json          what the registry made of it, later

A state folder holds the same files without the digests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from millstream.errors import RoundStoreError
from millstream.rounds.folder import HEAVY, RoundFolder
from millstream.rounds.marker import check_digest
from millstream.rounds.seal import damaged, file_digest, seal, unseal

__all__ = [
    "OUTCOME",
    "Manifest",
    "Saved",
    "check_file",
    "manifest_key",
    "outcome_key",
    "place_of",
    "round_of",
]

FORMAT = 1
OUTCOME = "published.json"
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
PLACE = re.compile(rf"(?:rounds/(?P<number>[0-9]{{6,}})|history|recipes)/(?P<name>{NAME})")
KEY = re.compile(r"rounds/(?P<number>[0-9]{6,})/SAVED")
DIGEST = re.compile(r"[0-9a-f]{64}")
LATER = {OUTCOME, "SAVED"}  # objects of a round that its manifest does not name


@dataclass(frozen=True)
class Saved:
    """A file as it is in the store."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """What it takes to have a round in a state folder again.

    Attributes:
        round: its number.
        files: by path in the state folder, all that the round left, its recipe, and the segments
            that its history names; some are other rounds', too.
    """

    round: int
    files: Mapping[str, Saved]

    @classmethod
    def of(cls, state_dir: Path, folder: RoundFolder) -> Manifest:
        """That of a round that happened; it takes a look at each byte of the round's own files.

        Raises:
            RoundStoreError: a file is missing, or not as the round left it.
        """
        files = _own_files(folder)
        recipe = state_dir / "recipes" / f"{folder.plan().recipe}.json"
        if recipe.exists():
            files[recipe] = file_digest(recipe)
        if not folder.pruned:
            files |= _segments(state_dir / "history", folder)
        return cls(
            folder.number,
            {
                path.relative_to(state_dir).as_posix(): Saved(digest, _size(path))
                for path, digest in files.items()
            },
        )

    @classmethod
    def parse(cls, number: int, content: bytes) -> Manifest:
        """The inverse of `encode`.

        Raises:
            RoundStoreError: it is damaged, of a newer format or another round, or names a file that
                is none of a state folder's.
        """
        key = Path(manifest_key(number))
        value = unseal(key, content)
        if (found := value.pop("format", None)) != FORMAT:
            raise RoundStoreError(
                f"{key}: expected format {FORMAT}, got {found!r}; use the millstream that wrote it"
            )
        try:
            manifest = msgspec.convert(value, cls)
        except msgspec.ValidationError as error:
            raise RoundStoreError(f"{key}: expected a manifest, got: {error}") from error
        for place, saved in manifest.files.items():
            if not _may_name(number, place, saved):
                raise RoundStoreError(f"{key}: expected files of a state folder, got {place!r}")
        if manifest.round != number:
            raise RoundStoreError(f"{key}: expected round {number}, got {manifest.round}")
        if not manifest.marker:
            raise RoundStoreError(f"{key}: expected the file DONE among others, got none")
        return manifest

    def encode(self) -> bytes:
        """The content of the object."""
        files = {place: {"sha256": s.sha256, "bytes": s.bytes} for place, s in self.files.items()}
        plain: dict[str, Any] = {"round": self.round, "files": files}
        return seal({"format": FORMAT, **plain})

    @property
    def keys(self) -> dict[str, str]:
        """The key of each file's object, by path in the state folder."""
        return {place: f"{place}.{saved.sha256}" for place, saved in self.files.items()}

    @property
    def marker(self) -> str:
        """SHA-256 of the round's DONE: two states with the same one have the same rounds so far."""
        saved = self.files.get(f"rounds/{self.round:06d}/DONE")
        return saved.sha256 if saved else ""


def manifest_key(number: int) -> str:
    """The key of a round's manifest."""
    return f"rounds/{number:06d}/SAVED"


def outcome_key(number: int) -> str:
    """The key of what the registry made of a round."""
    return f"rounds/{number:06d}/{OUTCOME}"


def round_of(key: str) -> int | None:
    """The number of the round whose manifest has this key; None for other objects."""
    found = KEY.fullmatch(key)
    return int(found["number"]) if found else None


def place_of(key: str) -> str | None:
    """The path in the state folder of the file that an object is; None for other objects."""
    place, _, digest = key.rpartition(".")
    is_file = PLACE.fullmatch(place) is not None and DIGEST.fullmatch(digest) is not None
    return place if is_file else None


def _may_name(number: int, place: str, saved: Saved) -> bool:
    """Whether the manifest of a round may name such a file."""
    found = PLACE.fullmatch(place)
    if found is None or found["name"] in LATER or found["number"] not in (None, f"{number:06d}"):
        return False
    return DIGEST.fullmatch(saved.sha256) is not None and saved.bytes >= 0


def _own_files(folder: RoundFolder) -> dict[Path, str]:
    """The digests of the marker and of all files that it names.

    Publication adds reports, and people what they like; neither is of the round.

    Raises:
        RoundStoreError: a file is missing, or not as the round left it.
    """
    known = folder.files()
    if known is None:  # of format 1, whose markers name none
        found = {
            p.name for p in folder.path.iterdir() if p.is_file() and re.fullmatch(NAME, p.name)
        }
        return {folder.path / name: file_digest(folder.path / name) for name in found - LATER}
    files = {folder.path / "DONE": file_digest(folder.path / "DONE")}
    for name, digest in sorted(known.items()):
        path = folder.path / name
        if path.exists() or not (folder.pruned and name in HEAVY):
            files[path] = _digest(path)
            check_digest(path, digest, files[path])
    return files


def check_file(path: Path, digest: str) -> None:
    """Check a file before it goes to the store, as nobody could have it from there otherwise.

    Raises:
        RoundStoreError: it is missing, or another one.
    """
    if (found := _digest(path)) != digest:
        raise damaged(path, f"SHA-256 {digest[:12]}", found[:12])


def _digest(path: Path) -> str:
    """SHA-256 of a file that is to be there."""
    try:
        return file_digest(path)
    except OSError as error:
        raise damaged(path, "a file of the round", error.strerror or str(error)) from error


def _size(path: Path) -> int:
    """Bytes of a file that is to be there."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise damaged(path, "a file of the round", error.strerror or str(error)) from error


def _segments(folder: Path, of: RoundFolder) -> dict[Path, str]:
    """The digests of the segments that a round's history names."""
    found = {}
    for side in (of.history() or {}).values():
        for name in side["segments"]:
            path = folder / f"{name}.arrow"
            found[path] = side.get("sha256", {}).get(name) or _digest(path)
    return found
