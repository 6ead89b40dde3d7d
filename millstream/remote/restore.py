"""A start: the local folder and the store are brought to one state, the one that went further."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from millstream.durable import make_folder, sync_folder, write_bytes
from millstream.errors import RoundStoreError
from millstream.fault import fault_point
from millstream.remote.manifest import (
    OUTCOME,
    Manifest,
    Saved,
    manifest_key,
    outcome_key,
    round_of,
)
from millstream.remote.objects import ObjectStore
from millstream.rounds.folder import HEAVY, RoundFolder
from millstream.rounds.seal import file_digest
from millstream.rounds.store import RoundStore

__all__ = ["SET_ASIDE", "list_state", "restore", "saved_rounds"]

log = logging.getLogger("millstream")

AT_ONCE = 16
"""Rounds that are on their way here at a time; most of them are a few small files."""
BATCH = 256
"""Rounds that come together; after a kill, those of complete batches do not come again."""
SET_ASIDE = "set-aside"


def list_state(objects: ObjectStore) -> dict[str, int]:
    """The keys of all objects that rounds are made of, and their bytes."""
    return objects.sizes("rounds") | objects.sizes("history") | objects.sizes("recipes")


def saved_rounds(objects: ObjectStore, keys: Iterable[str]) -> int:
    """How many rounds the store has.

    Args:
        objects: the store, for the error.
        keys: of all objects.

    Raises:
        RoundStoreError: one of them is missing.
    """
    numbers = sorted(number for key in keys if (number := round_of(key)) is not None)
    for expected, number in enumerate(numbers):
        if number != expected:
            raise RoundStoreError(
                f"{objects.address}: expected {manifest_key(expected)}, got none, but"
                f" {manifest_key(number)}; restore what was removed by hand or by a rule of the"
                " bucket, or use another prefix"
            )
    return len(numbers)


def restore(objects: ObjectStore, keys: Mapping[str, int], state_dir: Path) -> int:
    """Bring a local folder up to the newest round of the store.

    Each round that comes is checked against its digests, and its marker is written last, so that a
    kill leaves a folder that the next start goes on with. Local rounds that the store has otherwise
    (another service went on meanwhile, from the same records) are set aside.

    Args:
        objects: the store.
        keys: of all objects, with their bytes.
        state_dir: the local folder.

    Returns:
        How many rounds the store has.

    Raises:
        RoundStoreError: the two hold different states, or an object is missing or damaged.
        ObjectStoreError: the store is away.
    """
    for left in state_dir.glob("history/.*.tmp"):
        left.unlink()  # of a kill while segments came
    count = saved_rounds(objects, keys)
    local = RoundStore(state_dir / "rounds").complete()
    common = common_rounds(objects, local[:count])
    if common < min(count, len(local)):
        set_aside(objects, state_dir, local, common)
        local = local[:common]
    bringing = Bringing(objects, keys, state_dir)
    if len(local) < count:
        log.info("%d rounds come from %s", count - len(local), objects.address)
    for first in range(len(local), count, BATCH):
        bringing.bring(range(first, min(count, first + BATCH)), newest=count - 1)
    bringing.bring_outcomes(local[:count])
    return count


def common_rounds(objects: ObjectStore, local: list[RoundFolder]) -> int:
    """How many rounds are the same here and there.

    A marker names the one before it, so that the newest of both says it of all.
    """
    for folder in reversed(local):
        manifest = read_manifest(objects, folder.number)
        if manifest.marker == file_digest(folder.path / "DONE"):
            return folder.number + 1
    return 0


def read_manifest(objects: ObjectStore, number: int) -> Manifest:
    """The manifest of a round that the store has.

    Raises:
        RoundStoreError: it is damaged.
    """
    try:
        return Manifest.parse(number, objects.read(manifest_key(number)))
    except RoundStoreError as error:
        raise RoundStoreError(f"{objects.address}: {error}") from error


def set_aside(objects: ObjectStore, state_dir: Path, local: list[RoundFolder], common: int) -> None:
    """Move local rounds away that the store has otherwise; their records are in its rounds.

    Raises:
        RoundStoreError: they are of another state, or were published: nobody is to lose those.
    """
    others = local[common:]
    if (common == 0 and len(local) > 1) or any(f.number and f.is_published for f in others):
        raise RoundStoreError(
            f"{state_dir}: expected the rounds of {objects.address}, got others from"
            f" {others[0].path.name} on; empty this folder to go on with those of the store, or"
            " choose another prefix to go on with these"
        )
    make_folder(state_dir / SET_ASIDE)
    for folder in reversed(others):
        name = f"{folder.path.name}-{file_digest(folder.path / 'DONE')[:12]}"
        log.warning(
            "round %d of this folder is set aside as %s/%s: the store has another one",
            *(folder.number, SET_ASIDE, name),
        )
        shutil.rmtree(state_dir / SET_ASIDE / name, ignore_errors=True)
        folder.path.rename(state_dir / SET_ASIDE / name)
    sync_folder(state_dir / "rounds")


class Bringing:
    """Brings rounds from the store into a local folder.

    Args:
        objects: the store.
        keys: of all objects.
        state_dir: the local folder.
    """

    def __init__(self, objects: ObjectStore, keys: Mapping[str, int], state_dir: Path) -> None:
        self._objects, self._keys, self._state_dir = objects, keys, state_dir

    def bring(self, numbers: Sequence[int], newest: int) -> None:
        """Bring some rounds; they get their markers in their order, when all files are here.

        Raises:
            RoundStoreError: an object is missing or damaged.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            brought = list(pool.map(partial(self._bring_files, newest=newest), numbers))
        for manifest in brought:
            marker = f"rounds/{manifest.round:06d}/DONE"
            self._fetch(marker, manifest.files[marker])
            sync_folder((self._state_dir / marker).parent)

    def _bring_files(self, number: int, newest: int) -> Manifest:
        """Bring all of a round but its marker."""
        manifest = read_manifest(self._objects, number)
        folder = RoundFolder(self._state_dir / "rounds" / f"{number:06d}")
        if folder.path.exists():
            shutil.rmtree(folder.path)
        has_outcome = outcome_key(number) in self._keys
        self._check_whole(manifest, must_be_whole=number == newest or not has_outcome)
        marker = f"rounds/{folder.path.name}/DONE"
        wanted = {p: s for p, s in manifest.files.items() if p != marker and self._is_there(p, s)}
        folders = {self._state_dir / Path(place).parent for place in wanted}
        for parent in (folder.path, *folders):
            make_folder(parent)
        for place, saved in wanted.items():
            self._fetch(place, saved)
        if has_outcome:
            self._fetch_outcome(folder)
        for parent in folders:
            sync_folder(parent)
        return manifest

    def bring_outcomes(self, rounds: list[RoundFolder]) -> None:
        """Bring what the registry made of rounds that are here already."""
        for folder in rounds:
            if not folder.is_published and outcome_key(folder.number) in self._keys:
                self._fetch_outcome(folder)

    def _check_whole(self, manifest: Manifest, *, must_be_whole: bool) -> None:
        """Check that the store has each object that the round needs.

        Of old rounds the heavy ones are pruned, and the segments of their history.
        """
        weights = f"rounds/{manifest.round:06d}/weights.npz"
        is_pruned = manifest.keys.get(weights) not in self._keys
        for place, key in manifest.keys.items():
            may_be_gone = place.startswith("history/") or Path(place).name in HEAVY
            if key not in self._keys and not (is_pruned and may_be_gone and not must_be_whole):
                raise RoundStoreError(
                    f"{self._objects.address}: {manifest_key(manifest.round)} names {key}, which is"
                    " not there; restore it, or use another prefix"
                )
            if (found := self._keys.get(key, expected := manifest.files[place].bytes)) != expected:
                raise RoundStoreError(
                    f"{self._objects.address}: {manifest_key(manifest.round)} names {key}, which"
                    f" has {found} bytes, not {expected}; restore it, or use another prefix"
                )

    def _is_there(self, place: str, saved: Saved) -> bool:
        """Whether a file is to be fetched: the store has it, and the folder has not."""
        path = self._state_dir / place
        if f"{place}.{saved.sha256}" not in self._keys:
            return False
        return not (path.exists() and file_digest(path) == saved.sha256)

    def _fetch(self, place: str, saved: Saved) -> None:
        """Fetch a file that is wholly there or not at all, and what the manifest says.

        Raises:
            RoundStoreError: it is something else.
        """
        path = self._state_dir / place
        key = f"{place}.{saved.sha256}"
        # Two rounds may fetch the segment that both of them name.
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        self._objects.download(key, temporary)
        fault_point("restore.file")
        found = file_digest(temporary)
        if found != saved.sha256:
            temporary.unlink()
            raise RoundStoreError(
                f"{self._objects.address}/{key}: expected SHA-256 {saved.sha256[:12]}, got"
                f" {found[:12]}; restore the object, or use another prefix"
            )
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)

    def _fetch_outcome(self, folder: RoundFolder) -> None:
        path = folder.path / OUTCOME
        write_bytes(path, self._objects.read(outcome_key(folder.number)))
        try:
            folder.published()
        except RoundStoreError as error:
            path.unlink()
            raise RoundStoreError(
                f"{self._objects.address}/{outcome_key(folder.number)}: {error}"
            ) from error
