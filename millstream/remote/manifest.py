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
from millstream.marker import check_digest
from millstream.round_folder import RoundFolder
from millstream.seal import file_digest, seal, unseal

__all__ = ["OUTCOME", "Manifest", "Saved", "manifest_key", "outcome_key", "round_of"]

FORMAT = 1
OUTCOME = "published.json"
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
PLACE = re.compile(rf"(?:rounds/[0-9]{{6,}}|history|recipes)/{NAME}")
KEY = re.compile(r"rounds/(?P<number>[0-9]{6,})/SAVED")
DIGEST = re.compile(r"[0-9a-f]{64}")


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
        known = folder.files() or {}
        files = {}
        for path in sorted(folder.path.iterdir()):
            if path.name != OUTCOME and not path.name.startswith("."):
                files[path] = file_digest(path)
                if path.name != "DONE" and folder.files() is not None:
                    check_digest(path, known.get(path.name), files[path])
        recipe = state_dir / "recipes" / f"{folder.plan().recipe}.json"
        if recipe.exists():
            files[recipe] = file_digest(recipe)
        if not folder.pruned:
            files |= _segments(state_dir / "history", folder)
        return cls(
            folder.number,
            {
                path.relative_to(state_dir).as_posix(): Saved(digest, path.stat().st_size)
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
            if PLACE.fullmatch(place) is None or DIGEST.fullmatch(saved.sha256) is None:
                raise RoundStoreError(f"{key}: expected files of a state folder, got {place!r}")
        if manifest.round != number:
            raise RoundStoreError(f"{key}: expected round {number}, got {manifest.round}")
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


def _segments(folder: Path, of: RoundFolder) -> dict[Path, str]:
    """The digests of the segments that a round's history names."""
    found = {}
    for side in (of.history() or {}).values():
        for name in side["segments"]:
            path = folder / f"{name}.arrow"
            found[path] = side.get("sha256", {}).get(name) or file_digest(path)
    return found
