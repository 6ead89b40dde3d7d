"""Follow an alias: each version that it comes to name is pulled, checked, loaded and put in place.

Whatever goes wrong on the way, the version in use stays in use.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from registry.errors import PullError, RegistryError, StoreUnavailable, VersionNotFound
from registry.loading import LoadedModel, load_folder, registry_of
from registry.mlflow_registry import ModelRegistry
from registry.publication import ModelVersion
from registry.reference import Reference
from registry.shelf import Shelf, open_shelf

__all__ = ["EVERY_S", "Follower", "follow", "followed_alias"]

log = logging.getLogger("millstream")

EVERY_S = 10.0
LONGEST_PAUSE_S = 60.0
PASSING = re.compile(r"0x[0-9a-f]+|/\S+")  # addresses and temporary files


class Follower:
    """One look after the other at where an alias points.

    Args:
        registry: of the model.
        alias: the alias.
        shelf: where versions are kept; the one in use there is loaded at once.
        every_s: seconds between looks; after a failure the pause doubles, up to a minute.
    """

    def __init__(self, registry: ModelRegistry, alias: str, shelf: Shelf, every_s: float) -> None:
        self._registry, self._alias, self._shelf = registry, alias, shelf
        self._every_s = every_s
        self._failures = 0
        self._told: set[str] = set()
        self.model = self._kept()

    @property
    def pause_s(self) -> float:
        """Seconds until the next look."""
        slower = self._every_s * 2.0 ** max(0, min(self._failures, 30) - 1)
        return max(self._every_s, min(LONGEST_PAUSE_S, slower))

    def look(self) -> bool:
        """Ask where the alias points, and put that version in place; whether there is a new one.

        `model` is the version in use afterwards. What fails is logged once, until it is mended or
        something else fails.
        """
        try:
            version = self._registry.at_alias(self._alias)
            if version is None:
                raise VersionNotFound(f"{self._registry.name}@{self._alias} names no version yet")
            is_new = self.model is None or not same(self.model.version, version)
            if is_new:
                self.model = self._adopted(version)
        except RegistryError as error:
            self._failed(error)
            return False
        if self._failures:
            log.info("%s@%s can be followed again", self._registry.name, self._alias)
        self._failures = 0
        self._told.clear()
        return is_new

    def _adopted(self, version: ModelVersion) -> LoadedModel:
        folder = self._shelf.place(version.version)
        if not self._shelf.holds(version):
            self._registry.pull(f"{version.name}/{version.version}", folder)
        model = load_folder(folder)
        self._shelf.switch(version.version)
        return model

    def _kept(self) -> LoadedModel | None:
        try:
            folder = self._shelf.current()
            return None if folder is None else load_folder(folder)
        except RegistryError as error:
            log.error("the version in use cannot be used, and is pulled again: %s", error)
            return None

    def _failed(self, error: RegistryError) -> None:
        self._failures += 1
        reason = PASSING.sub("", str(error))
        if reason in self._told:
            return
        self._told.add(reason)
        level = logging.WARNING if isinstance(error, StoreUnavailable) else logging.ERROR
        if self.model is None:
            stays = "there is no version to use yet"
        else:
            stays = f"version {self.model.version.version} stays in use"
        log.log(level, "%s; %s, and it is tried again", error, stays)


def follow(
    reference: str,
    out: str | Path | None = None,
    every: float = EVERY_S,
    tracking_uri: str | None = None,
    stop: threading.Event | None = None,
) -> Iterator[LoadedModel]:
    """The version that an alias names, loaded, and again each time that the alias has moved.

    The first one comes as soon as there is one. Nothing that fails ends it: MLflow away, a damaged
    version, a full disk; the last model stays good, and the reason is logged once.

    Args:
        reference: `NAME` (its champion) or `NAME@alias`.
        out: a folder for this follower alone. It keeps the version in use, which is what comes
            first if MLflow is away at the next start; None keeps nothing.
        every: seconds between two looks at the alias, each of which is one call.
        tracking_uri: as of `load`.
        stop: ends it when set, within the wait between two looks.

    Raises:
        VersionNotFound: the reference is not of that form.
        PullError: the folder is in use, follows something else, or cannot be written to.
        StoreError: nobody says which store is meant.
    """
    alias = followed_alias(reference)
    if not every > 0:
        raise PullError(f"every: expected more than 0 seconds, got {every!r}")
    registry, stop = registry_of(reference, tracking_uri), stop or threading.Event()
    folder = None if out is None else Path(out)
    with open_shelf(folder, f"{registry.name}@{alias}") as shelf:
        follower = Follower(registry, alias, shelf, every)
        follower.look()
        if follower.model is not None:
            yield follower.model
        while not stop.wait(follower.pause_s):
            if follower.look() and follower.model is not None:
                yield follower.model


def followed_alias(reference: str) -> str:
    """The alias of a reference that can be followed.

    Raises:
        VersionNotFound: it cannot be read, or names a version, which never moves.
    """
    alias = Reference.parse(reference).alias
    if alias is None:
        raise VersionNotFound(
            f"expected NAME or NAME@alias, got {reference!r}; a version by its number never changes"
        )
    return alias


def same(one: ModelVersion, other: ModelVersion) -> bool:
    """Whether two are the same; one that was deleted and made anew has another run."""
    return (one.version, one.run_id) == (other.version, other.run_id)
