"""The model registry on MLflow: publish a round once, find, read, pull and promote versions."""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry import tags as tag
from registry.artifact_store import download_folder
from registry.errors import PublicationError, PullError, StoreError
from registry.journal import Promotion, this_user
from registry.journal_reading import read_journal
from registry.package import MODEL_FILE, MODEL_FOLDER, SCHEMA_FILE
from registry.promotion import Step
from registry.promotion_by_hand import promote_by_hand
from registry.prune import Pruning, prune_versions
from registry.publication import ModelVersion, Publication
from registry.publishing import publish_round, tell
from registry.pull import complete, replacing
from registry.reading import aliases_of, list_versions, require_version, version_at
from registry.reference import CHAMPION, NAME_PATTERN, Reference
from registry.run_making import Target
from registry.store import Store
from registry.tracking import ServiceRun

__all__ = ["ModelRegistry"]


def no_step(name: str) -> None:
    """Nothing to do between the steps of a publication."""


class ModelRegistry:
    """Versions of one model in MLflow.

    Nothing is opened before the first use. Only publishing needs to write; TensorFlow is never
    imported.

    Args:
        name: the registered model.
        tracking_uri: MLflow's tracking and registry store, such as `sqlite:///mlflow.db`.
        artifact_root: folder for the artifacts of a new experiment; None leaves it to MLflow.
        experiment: experiment of the runs; the name of the model by default.
        on_step: called with a step's name after each change that is made, for tests.

    Raises:
        PublicationError: the name cannot be a registered model's.
    """

    def __init__(
        self,
        name: str,
        tracking_uri: str,
        artifact_root: Path | None = None,
        experiment: str | None = None,
        on_step: Step = no_step,
    ) -> None:
        if not NAME_PATTERN.fullmatch(name):
            raise PublicationError(
                f"registry.name: expected letters, digits, ' ', '.', '_' or '-', got {name!r}"
            )
        self.name = name
        self.tracking_uri = tracking_uri
        self._store = Store(tracking_uri)
        self._target = Target(name, experiment or name, artifact_root)
        self._on_step = on_step

    def publish(self, publication: Publication) -> ModelVersion:
        """Register a round, and make it the champion if its publication says so.

        Idempotent by (lineage, round), and safe to be killed at any instant: publishing again
        finishes what is unfinished and changes nothing that is done, nor a later roll-back. Any
        number of processes may publish at once.

        A version that the gate would promote is not promoted if the champion is another one than
        the gate compared with: then it is not decided (`ModelVersion.is_decided`), and the round
        may be published again with the gate's verdict on the champion of now.

        Raises:
            PublicationError: model, schema and example do not fit together.
            StoreError: MLflow cannot be reached, or refused.
        """
        with self._store.translated(f"publish round {publication.round} of {self.name}"):
            client = self._store.client
            number = publish_round(client, self._target, publication, self._on_step)
        return self.version(number)

    def champion(self) -> ModelVersion | None:
        """The version that users pull, or None where there is none yet.

        Raises:
            StoreError: MLflow cannot be reached, or refused.
        """
        with self._store.translated(f"find the champion of {self.name}"):
            number = (aliases_of(self._store.client, self.name) or {}).get(CHAMPION)
        return None if number is None else self.version(number)

    def at_alias(self, alias: str) -> ModelVersion | None:
        """The version that an alias names, without metrics, by one call; None if it names none.

        Raises:
            StoreError: MLflow cannot be reached, or refused.
        """
        with self._store.translated(f"find {self.name}@{alias}"):
            return version_at(self._store.client, self.name, alias)

    def version(self, number: int) -> ModelVersion:
        """One version by its number.

        Raises:
            VersionNotFound: there is no such version.
            StoreError: MLflow cannot be reached, or refused.
        """
        return self.find(Reference(self.name, None, number))

    def find(self, reference: Reference) -> ModelVersion:
        """The version that a reference names: a number or an alias.

        Raises:
            VersionNotFound: it names nothing.
            StoreError: MLflow cannot be reached, or refused.
        """
        with self._store.translated(f"find {reference}"):
            return require_version(self._store, reference)

    def versions(self) -> list[ModelVersion]:
        """All versions, by number. Those that MLflow has from others are there too (round -1).

        Raises:
            StoreError: MLflow cannot be reached, or refused.
        """
        with self._store.translated(f"list the versions of {self.name}"):
            return list_versions(self._store.client, self.name, self._target.experiment)

    def tflite(self, version: ModelVersion | int) -> bytes:
        """The exported bytes of a version, exactly as they were gated.

        Raises:
            VersionNotFound: there is no such version.
            StoreError: MLflow cannot be reached, or what it holds is not what was published.
        """
        version = self.version(version) if isinstance(version, int) else version
        what = f"{version.name}/{version.version}"
        with self._store.translated(f"read the model of {what}"):
            tflite = gzip.decompress(self._read(version, MODEL_FILE))
        expected = version.tags.get(tag.SHA256)
        if expected and hashlib.sha256(tflite).hexdigest() != expected:
            raise StoreError(
                f"the model of {what} at {self._store.place} is not the one that was published: "
                f"expected SHA-256 {expected}, got {hashlib.sha256(tflite).hexdigest()}"
            )
        return tflite

    def schema(self, version: ModelVersion) -> dict[str, Any]:
        """The `schema.json` of a version: the fields of its raw values, and its task.

        Raises:
            StoreError: MLflow cannot be reached, or what it holds is not what was published.
        """
        what = f"the schema of {version.name}/{version.version}"
        with self._store.translated(f"read {what}"):
            text = self._read(version, SCHEMA_FILE)
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError) as e:
            raise StoreError(f"{what} at {self._store.place} is no JSON object") from e

    def pull(self, reference: str, out: Path) -> ModelVersion:
        """Write a version to a directory, as a whole or not at all.

        The directory can be given to `mlflow.pyfunc.load_model`; `model.tflite`, `schema.json` and
        `version.json` lie in it too. A directory that was pulled before is replaced.

        Args:
            reference: `NAME` (its champion), `NAME@alias` or `NAME/version`.
            out: the directory; it must not exist, be empty, or hold a pulled version.

        Raises:
            VersionNotFound: the reference cannot be read, or names nothing.
            PullError: `out` cannot be replaced, millstream did not publish the version, or what
                came is not what was published, by its digests.
            StoreError: MLflow cannot be reached, or refused.
        """
        version = self.find(Reference.parse(reference))
        try:
            with replacing(out) as folder:
                self._download_model(version, folder)
                complete(folder, version)
        except OSError as e:
            raise PullError(f"cannot write to {out}: {e}") from e
        return version

    def log_file(self, version: ModelVersion | int, path: Path, folder: str | None = None) -> None:
        """Add a file to the artifacts of a version's run, or replace it.

        Args:
            version: the version or its number.
            path: the local file.
            folder: folder inside the run; None is its root.

        Raises:
            VersionNotFound: there is no such version.
            StoreError: MLflow cannot be reached, or refused.
        """
        version = self.version(version) if isinstance(version, int) else version
        with self._store.translated(f"add {path.name} to {version.name}/{version.version}"):
            self._store.client.log_artifact(version.run_id, str(path), folder)

    def note(self, version: ModelVersion, tags: Mapping[str, str]) -> None:
        """Set further tags of a version and of its run.

        Raises:
            StoreError: MLflow cannot be reached, or refused.
        """
        with self._store.translated(f"tag {version.name}/{version.version}"):
            tell(self._store.client, version, tags)

    def service_run(self, lineage: str) -> ServiceRun:
        """The run in which each round of a lineage is a step of every curve."""
        return ServiceRun(self._store, self._target, lineage)

    def promote(self, version: int, reason: str = "", who: str | None = None) -> ModelVersion:
        """Make a version the champion, whatever the gate said; written in the journal.

        It stays until the gate promotes a newer version that it compared with this one.

        Args:
            version: its number.
            reason: why, for the journal.
            who: the person; None is the user of this process.

        Raises:
            VersionNotFound: there is no such version.
            StoreError: MLflow cannot be reached, or refused, or others moved the alias meanwhile.
        """
        return self._by_hand(self.version(version).version, reason, who)

    def rollback(
        self, to: int | None = None, reason: str = "", who: str | None = None
    ) -> ModelVersion:
        """As `promote`, to the version that was the champion before if none is named.

        Raises:
            VersionNotFound: there is no such version, or none was champion before.
            StoreError: as in `promote`.
        """
        return self._by_hand(None if to is None else self.version(to).version, reason, who)

    def journal(self) -> list[Promotion]:
        """Every move of the alias `champion`, oldest first; also of versions that were pruned.

        Raises:
            StoreError: MLflow cannot be reached, or refused.
        """
        with self._store.translated(f"read the journal of {self.name}"):
            return read_journal(self._store.client, self.name, self._target.experiment)

    def prune(self, keep: int, dry_run: bool = False) -> Pruning:
        """Delete versions beyond the newest, and their artifacts from storage.

        Args:
            keep: how many of the newest versions stay, at least 1; `Pruning` says which others do.
            dry_run: only say what would be done.

        Raises:
            StoreError: MLflow cannot be reached, or refused.
        """
        with self._store.translated(f"prune the versions of {self.name}"):
            return prune_versions(
                self._store.client, self._target, keep, dry_run=dry_run, on_step=self._on_step
            )

    def _by_hand(self, version: int | None, reason: str, who: str | None) -> ModelVersion:
        with self._store.translated(f"move the champion of {self.name}"):
            number = promote_by_hand(
                self._store.client,
                self.name,
                version,
                (who or this_user(), reason),
                self._on_step,
            )
        return self.version(number)

    def _read(self, version: ModelVersion, file: str) -> bytes:
        return self._store.read_artifact(version.run_id, f"{MODEL_FOLDER}/artifacts/{file}")

    def _download_model(self, version: ModelVersion, folder: Path) -> None:
        with (
            self._store.translated(f"download {version.name}/{version.version}"),
            tempfile.TemporaryDirectory(dir=folder.parent) as scratch,
        ):
            client, into = self._store.client, Path(scratch)
            path = download_folder(client, version.run_id, MODEL_FOLDER, into)
            for entry in path.iterdir():
                entry.rename(folder / entry.name)
