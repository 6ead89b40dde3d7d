"""The store's side of a running service: each complete round goes there, then it is published."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from millstream.errors import ObjectStoreError, RoundStoreError
from millstream.fault import fault_point
from millstream.reach import Reach
from millstream.remote.lease import Lease
from millstream.remote.manifest import (
    OUTCOME,
    Manifest,
    check_file,
    manifest_key,
    outcome_key,
    place_of,
)
from millstream.remote.objects import ObjectStore
from millstream.remote.restore import list_state, restore
from millstream.rounds.folder import HEAVY, RoundFolder
from millstream.rounds.store import RoundStore

__all__ = ["Here", "Mirror", "StoreMirror"]

log = logging.getLogger("millstream")

AT_ONCE = 4
"""Files that are on their way there at a time; each may be in memory."""


class Mirror(Protocol):
    """Where rounds have to be before anything depends on them."""

    @property
    def why(self) -> str:
        """Why the store took nothing the last time, on one line; empty if it did."""

    @property
    def is_due(self) -> bool:
        """Whether the store may be asked now."""

    @property
    def is_full(self) -> bool:
        """Whether no more rounds may begin before the store has taken some."""

    def holds(self, folder: RoundFolder) -> bool:
        """Whether a round is where no loss of this machine's disk reaches it."""

    def is_ours(self) -> bool:
        """Ask whether this process may still publish; not while nobody knows.

        Raises:
            BusyError: another service has taken the address.
        """

    def save(self) -> None:
        """Bring there what is missing, as far as the store takes it; it never fails for its sake.

        Raises:
            BusyError: another service has taken the address.
        """

    def prune(self) -> None:
        """Remove there what was pruned here."""


class Here:
    """The mirror of a state that has none: a round is where it has to be, in the folder."""

    why = ""
    is_due = True
    is_full = False

    def holds(self, folder: RoundFolder) -> bool:
        """Any round is."""
        return folder.done

    def is_ours(self) -> bool:
        """It always is, see `state_lock`."""
        return True

    def save(self) -> None:
        """Nothing is missing."""

    def prune(self) -> None:
        """Nothing is left."""


class StoreMirror:
    """The mirror in an object store.

    Guarantee: a round that it `holds` can be restored bit for bit; a round is there wholly or not
    at all, wherever the upload is cut short; one that is there is never replaced by another.

    Args:
        objects: the store.
        lease: that this process holds on it.
        state_dir: the local folder.
        most: how many rounds may wait for the store before no more begin.
        clock: one that never jumps.

    Raises:
        RoundStoreError: folder and store hold different states, or an object is damaged.
        ObjectStoreError: the store is away.
    """

    def __init__(
        self,
        objects: ObjectStore,
        lease: Lease,
        state_dir: Path,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objects, self._lease, self._state_dir = objects, lease, state_dir
        self._most, self._reach = most, Reach(clock, objects.address)
        self._store = RoundStore(state_dir / "rounds")
        self._keys = list_state(objects)
        self._saved = restore(objects, self._keys, state_dir)
        self._told = self._unsaved = 0  # rounds whose outcome the store has; rounds it lacks

    @property
    def why(self) -> str:
        """As `Mirror.why`."""
        return self._reach.why

    @property
    def is_due(self) -> bool:
        """As `Mirror.is_due`: it answered, or was left alone for long enough."""
        return self._reach.is_due

    @property
    def is_full(self) -> bool:
        """As `Mirror.is_full`."""
        return self._unsaved >= self._most

    def holds(self, folder: RoundFolder) -> bool:
        """As `Mirror.holds`."""
        return folder.number < self._saved

    def is_ours(self) -> bool:
        """As `Mirror.is_ours`: one that was stopped for long learns here what it has missed."""
        if not self.is_due:
            return False
        try:
            self._lease.confirm()
        except ObjectStoreError as error:
            self._reach.failed(error)
            return False
        return True

    def save(self) -> None:
        """As `Mirror.save`: rounds in their order, each one's manifest last, then the outcomes."""
        self._lease.check()
        if not self.is_due:
            return
        rounds = self._store.complete()
        try:
            for folder in rounds[self._saved :]:
                self._upload(folder)
            self._upload_outcomes(rounds)
        except ObjectStoreError as error:
            self._reach.failed(error)
        else:
            self._reach.answered()
        self._unsaved, was_full = len(rounds) - self._saved, self.is_full
        if self.is_full and not was_full:
            log.warning(
                "%d rounds are in %s only (service.max_unsaved_rounds); no round begins before the"
                " store has taken some",
                *(self._unsaved, self._state_dir),
            )

    def prune(self) -> None:
        """As `Mirror.prune`; a failure waits for the next round."""
        if self.why:
            return
        rounds = self._store.complete()[: self._saved]
        whole = [folder for folder in rounds if not folder.pruned]
        needed = {
            f"history/{name}.arrow"
            for folder in whole
            for side in (folder.history() or {}).values()
            for name in side["segments"]
        }
        pruned = {f"{f.number:06d}" for f in rounds if f.pruned and self._has_outcome(f)}
        gone = [key for key in self._keys if _is_gone(key, needed, pruned)]
        try:
            if gone:
                self._lease.confirm()
            # Without its weights a round is a pruned one, whatever else is still there.
            for key in sorted(gone, key=lambda key: "/weights.npz." not in key):
                self._remove(key)
        except ObjectStoreError as error:
            log.warning("old objects stay for now: %s", error)

    def _upload(self, folder: RoundFolder) -> None:
        """Bring one round to the store.

        Raises:
            RoundStoreError: the store has another round of this number, or a local file is damaged.
        """
        manifest = Manifest.of(self._state_dir, folder)
        missing = {
            place: key
            for place, key in manifest.keys.items()
            if self._keys.get(key) != manifest.files[place].bytes
        }
        fault_point("save.before")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._upload_file, missing, missing.values()))
        self._lease.confirm()  # an outcome replaces what is there
        if folder.is_published:  # as round 0 is, and those of a folder that had no store
            self._upload_outcome(folder, self._objects.write)
        elif self._has_outcome(folder):  # of an attempt at this round that was cut short
            self._remove(outcome_key(folder.number))
        fault_point("save.files")
        content, key = manifest.encode(), manifest_key(folder.number)
        if not self._objects.create(key, content):
            raise RoundStoreError(
                f"{self._objects.address}: expected no {key}, got that of another round: another"
                f" service goes on from round {folder.number - 1}; stop one of the two"
            )
        self._keys[key] = len(content)
        self._saved = folder.number + 1
        fault_point("save.after")
        self._sweep(manifest)

    def _upload_file(self, place: str, key: str) -> None:
        path = self._state_dir / place
        check_file(path, key.rpartition(".")[2])
        self._objects.upload(path, key)
        self._keys[key] = path.stat().st_size
        fault_point("save.file")

    def _upload_outcomes(self, rounds: list[RoundFolder]) -> None:
        """Rounds are published in their order, so the store lacks those of the last ones."""
        for folder in rounds[self._told : self._saved]:
            if not folder.is_published:
                break
            if not self._has_outcome(folder):
                self._upload_outcome(folder, self._objects.create)  # another's stays
            self._told = folder.number + 1

    def _upload_outcome(self, folder: RoundFolder, write: Callable[[str, bytes], object]) -> None:
        key, content = outcome_key(folder.number), (folder.path / OUTCOME).read_bytes()
        write(key, content)
        self._keys[key] = len(content)

    def _has_outcome(self, folder: RoundFolder) -> bool:
        return outcome_key(folder.number) in self._keys

    def _sweep(self, manifest: Manifest) -> None:
        """Remove what attempts at a round left that were cut short; its manifest is there now."""
        number, named = f"{manifest.round:06d}", set(manifest.keys.values())
        own = (f"rounds/{number}/", f"history/{number}-")
        for key in [key for key in self._keys if key.startswith(own)]:
            if key not in named and place_of(key) is not None:
                self._remove(key)

    def _remove(self, key: str) -> None:
        self._objects.remove(key)
        del self._keys[key]


def _is_gone(key: str, needed: set[str], pruned: set[str]) -> bool:
    """Whether an object was pruned here: a heavy one of a round, or a segment that none needs."""
    if (place := place_of(key)) is None:
        return False  # not of this state: another one's below it, or what somebody put there
    if place.startswith("history/"):
        return place not in needed
    parts = place.split("/")
    return parts[0] == "rounds" and parts[1] in pruned and parts[2] in HEAVY
