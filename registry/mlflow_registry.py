"""The model registry on MLflow: publish a round once, find, read, pull and promote versions."""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from registry import tags as tag
from registry.errors import PublicationError, PullError, StoreError, VersionNotFound
from registry.package import MODEL_FILE, MODEL_FOLDER, SCHEMA_FILE
from registry.publication import ModelVersion, Publication
from registry.publishing import Step, Target, aliases_of, publish_round
from registry.pull import complete, replacing
from registry.reference import CHAMPION, NAME_PATTERN, Reference
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
        on_step: called with a step's name after each change that publishing makes, for tests.

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
        finishes what is unfinished and changes nothing that is done, nor a later roll-back.

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

    def version(self, number: int) -> ModelVersion:
        """One version by its number.

        Raises:
            VersionNotFound: there is no such version.
            StoreError: MLflow cannot be reached, or refused.
        """
        return self._find(Reference(self.name, None, number))

    def find(self, reference: Reference) -> ModelVersion:
        """The version that a reference names: a number or an alias.

        Raises:
            VersionNotFound: it names nothing.
            StoreError: MLflow cannot be reached, or refused.
        """
        return self._find(reference)

    def versions(self) -> list[ModelVersion]:
        """All versions, by number. Those that MLflow has from others are there too (round -1).

        Raises:
            StoreError: MLflow cannot be reached, or refused.
        """
        with self._store.translated(f"list the versions of {self.name}"):
            client = self._store.client
            found = every_version(client, self.name)
            aliases = aliases_of(client, self.name) or {}
            experiment = client.get_experiment_by_name(self._target.experiment)
            runs = (
                tag.tagged_runs(client, experiment.experiment_id, self.name) if experiment else []
            )
        metrics = {run.info.run_id: run.data.metrics for run in runs}
        described = [describe(v, metrics.get(v.run_id, {}), aliases) for v in found]
        return sorted(described, key=lambda version: version.version)

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
            PullError: `out` cannot be replaced, or millstream did not publish the version.
            StoreError: MLflow cannot be reached, or refused.
        """
        version = self._find(Reference.parse(reference))
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

    def service_run(self, lineage: str) -> ServiceRun:
        """The run in which each round of a lineage is a step of every curve."""
        return ServiceRun(self._store, self._target, lineage)

    def promote(self, version: int) -> ModelVersion:
        """Make a version the champion, whatever the gate said: for roll-back.

        Raises:
            VersionNotFound: there is no such version.
            StoreError: MLflow cannot be reached, or refused.
        """
        found = self.version(version)
        with self._store.translated(f"promote {self.name}/{version}"):
            self._store.client.set_registered_model_alias(self.name, CHAMPION, str(found.version))
        return self.version(version)

    def _read(self, version: ModelVersion, file: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="millstream-read-") as folder:
            place = f"{MODEL_FOLDER}/artifacts/{file}"
            path = self._store.client.download_artifacts(version.run_id, place, folder)
            return Path(path).read_bytes()

    def _download_model(self, version: ModelVersion, folder: Path) -> None:
        with (
            self._store.translated(f"download {version.name}/{version.version}"),
            tempfile.TemporaryDirectory(dir=folder.parent) as scratch,
        ):
            path = self._store.client.download_artifacts(version.run_id, MODEL_FOLDER, scratch)
            for entry in Path(path).iterdir():
                entry.rename(folder / entry.name)

    def _find(self, reference: Reference) -> ModelVersion:
        from mlflow.exceptions import MlflowException

        with self._store.translated(f"find {reference}"):
            client = self._store.client
            aliases = aliases_of(client, reference.name)
            if aliases is None:
                raise VersionNotFound(
                    f'no model "{reference.name}" is registered at {self._store.place}'
                )
            number = reference.version or aliases.get(reference.alias or "")
            try:
                found = client.get_model_version(reference.name, str(number)) if number else None
            except MlflowException as e:
                if e.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                found = None
            if found is None:
                raise VersionNotFound(self._what_there_is(reference, aliases))
            metrics = client.get_run(found.run_id).data.metrics if found.run_id else {}
        return describe(found, metrics, aliases)

    def _what_there_is(self, reference: Reference, aliases: Mapping[str, int]) -> str:
        numbers = sorted(int(v.version) for v in every_version(self._store.client, reference.name))
        known = f"versions {numbers[0]} to {numbers[-1]}" if numbers else "no versions"
        named = ", ".join(f"{alias} -> {number}" for alias, number in sorted(aliases.items()))
        return (
            f"{reference} does not exist at {self._store.place}: {reference.name} has {known} "
            f"and the aliases {{{named}}}"
        )


def every_version(client: Any, name: str) -> list[Any]:
    """All of a registered model's versions, page by page."""
    found: list[Any] = []
    token: str | None = None
    while True:
        page = client.search_model_versions(f"name = '{name}'", page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return found


def describe(found: Any, metrics: Mapping[str, float], aliases: Mapping[str, int]) -> ModelVersion:
    """MLflow's version as ours."""
    number, tags = int(found.version), dict(found.tags)
    return ModelVersion(
        name=found.name,
        version=number,
        round=tag.number(tags, tag.ROUND, -1),
        run_id=found.run_id or "",
        promoted=tag.is_promoted(tags),
        reason=tags.get(tag.REASON, ""),
        rung=tags.get(tag.RUNG, ""),
        bytes=tag.number(tags, tag.BYTES, 0),
        gzip_bytes=tag.number(tags, tag.GZIP_BYTES, 0),
        metrics=dict(metrics),
        tags=tags,
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        aliases=names_of(number, aliases.items()),
    )


def names_of(number: int, aliases: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """The aliases that point at a version, sorted."""
    return tuple(sorted(alias for alias, version in aliases if version == number))
