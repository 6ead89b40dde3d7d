"""The champion, kept in the state folder: the service tests with it also while MLflow is away.

    champion/champion.json    the version, its registry, its schema and its bytes' digest; sealed
    champion/<digest>.tflite  its bytes

It is a copy. One that is missing, damaged, of another format, or of another model or registry than
those that are configured now is fetched again, and what a round tested with is in its report.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ingest.redaction import public_uri
from millstream.durable import make_folder, write_bytes
from millstream.errors import RoundStoreError
from millstream.reach import Reach
from millstream.rounds.marker import read_bytes
from millstream.rounds.seal import seal, unseal
from registry import (
    ModelRegistry,
    ModelVersion,
    RegistryError,
    StoreError,
    StoreRefused,
    StoreUnavailable,
    VersionNotFound,
)

__all__ = ["Champions", "KeptChampion"]

log = logging.getLogger("millstream")

FORMAT = 2


class Champions(Protocol):
    """Where a round has the champion from: from here, or in a replay as it was recorded."""

    def champion(self) -> ModelVersion | None:
        """The version that users pull; None if there is none, or none is known."""

    def tflite(self, version: ModelVersion) -> bytes:
        """As `ModelRegistry.tflite`."""

    def schema(self, version: ModelVersion) -> dict[str, Any]:
        """As `ModelRegistry.schema`."""


@dataclass(frozen=True, eq=False)
class Kept:
    """A version with all that it takes to predict."""

    version: ModelVersion
    schema: Mapping[str, Any]
    tflite: bytes

    def is_of(self, version: ModelVersion) -> bool:
        """Whether it is that version; one that was deleted and made anew has another run."""
        kept = self.version
        return (kept.name, kept.version, kept.run_id) == (
            version.name,
            version.version,
            version.run_id,
        )


class KeptChampion:
    """The champion of a registry, or the last one that was known.

    Several workers share the folder: the first one asks MLflow, the others only read.

    Args:
        registry: asked for the champion while it answers.
        folder: where it is kept.
        reach: told whether it does.
    """

    def __init__(self, registry: ModelRegistry, folder: Path, reach: Reach) -> None:
        self._registry, self._folder, self._reach = registry, folder, reach
        self._kept: Kept | None = None

    def champion(self) -> ModelVersion | None:
        """The champion; while MLflow is away the one that was kept."""
        try:
            if self._reach.is_due:
                version = self._registry.champion()
                self._keep(version)
                return version
        except (StoreError, VersionNotFound) as error:
            self._reach.failed(error)
        kept = self._read()
        return None if kept is None else kept.version

    def tflite(self, version: ModelVersion) -> bytes:
        """The exported bytes of a version, exactly as they were gated.

        Raises:
            StoreError: it is not the kept one, and MLflow does not have it or does not answer.
        """
        kept = self._of(version)
        return self._registry.tflite(version) if kept is None else kept.tflite

    def schema(self, version: ModelVersion) -> dict[str, Any]:
        """The `schema.json` of a version.

        Raises:
            StoreError: as in `tflite`.
        """
        kept = self._of(version)
        return self._registry.schema(version) if kept is None else dict(kept.schema)

    def _of(self, version: ModelVersion) -> Kept | None:
        kept = self._kept
        if kept is None or not kept.is_of(version):
            kept = self._read()
        return kept if kept is not None and kept.is_of(version) else None

    def _keep(self, version: ModelVersion | None) -> None:
        """Have the champion of now in the folder; nothing if it is no version of ours.

        Raises:
            StoreUnavailable: MLflow has gone away meanwhile.
            StoreRefused: it does not hand out the bytes.
        """
        if version is None or self._of(version) is not None:
            return
        try:
            schema, tflite = self._registry.schema(version), self._registry.tflite(version)
        except (StoreUnavailable, StoreRefused):
            raise
        except RegistryError as error:
            log.debug("the champion is not kept: %s", error)
            return
        kept = Kept(replace(version, metrics={}), schema, tflite)
        digest = hashlib.sha256(tflite).hexdigest()
        plain = kept.version.to_json()
        told = {
            "format": FORMAT,
            "registry": self._address(),
            "version": plain,
            "schema": schema,
            "sha256": digest,
        }
        make_folder(self._folder)
        write_bytes(self._folder / f"{digest}.tflite", tflite)
        write_bytes(self._folder / "champion.json", seal(told))
        for other in self._folder.glob("*.tflite"):
            if other.stem != digest:
                other.unlink(missing_ok=True)
        self._kept = kept

    def _address(self) -> str:
        """Where the registry is, without a password that may change."""
        return public_uri(self._registry.tracking_uri)

    def _read(self) -> Kept | None:
        """What the folder has, if it can be used."""
        path = self._folder / "champion.json"
        if not path.exists():
            return None
        try:
            told = unseal(path, read_bytes(path))
            tflite = read_bytes(self._folder / f"{told['sha256']}.tflite")
            if told["format"] != FORMAT or hashlib.sha256(tflite).hexdigest() != told["sha256"]:
                return None
            version = ModelVersion.from_json(told["version"])
            if (told["registry"], version.name) != (self._address(), self._registry.name):
                return None  # another model's champion is no answer, however long MLflow is away
            self._kept = Kept(version, told["schema"], tflite)
        except (RoundStoreError, KeyError, TypeError, ValueError) as error:
            log.warning("the champion that was kept cannot be used: %s", error)
            return None
        return self._kept
