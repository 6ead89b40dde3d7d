"""What is handed to the registry, and what the registry says it holds. Plain data."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from registry.artifact import Artifact, Tflite
from registry.errors import PublicationError
from registry.journal import entries_of
from registry.keras_file import KerasFile
from registry.lineage import KafkaData
from registry.tags import ANNOUNCED

__all__ = ["ModelVersion", "Publication"]

RESERVED_FOLDERS = frozenset({"model", "float32", "keras"})
PLAIN = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Publication:
    """One round's outcome, ready to register.

    Attributes:
        round: number of the round; with `lineage` it identifies the version.
        artifact: the bytes that were scored and gated; they are what ships.
        float32: the float32 export that they came from, kept beside them.
        schema: `{"fields": [...], ...}`, plain data; decides the signature and how the predictor
            encodes raw values.
        metrics: numbers for the run.
        params: settings for the run.
        tags: for the run and the version; names that start with `millstream.` are fine, those that
            the registry itself writes win.
        example: a few raw rows as columns, for the input example; covers the model's inputs.
        promote: whether the gate lets it become the champion.
        reason: why, or why not.
        description: text of the version's page, in Markdown.
        files: further artifacts of the run: path inside the run -> local file.
        card: the model card, in Markdown; it lies in the version, and is pulled with it.
        keras: the model for TensorFlow, if it has such a form.
        records: what it learned from; the run shows them as its input.
        lineage: tells apart state folders that publish under one name and count rounds from zero.
        compared_with: the champion that the gate compared with; None if there was none. If it is
            another one by the time of the promotion, nothing is promoted.
    """

    round: int
    artifact: Artifact
    float32: Tflite
    schema: Mapping[str, Any]
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    example: Mapping[str, Sequence[Any]]
    promote: bool
    reason: str
    description: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
    card: str = ""
    keras: KerasFile | None = None
    records: KafkaData | None = None
    lineage: str = "main"
    compared_with: int | None = None

    def __post_init__(self) -> None:
        """Check what would otherwise fail half way."""
        if not PLAIN.fullmatch(self.lineage):
            raise PublicationError(
                f"lineage: expected letters, digits, '.', '_' or '-', got {self.lineage!r}"
            )
        for name, path in self.files.items():
            place = PurePosixPath(name)
            if place.is_absolute() or ".." in place.parts or place.parts[0] in RESERVED_FOLDERS:
                raise PublicationError(f"files: {name!r} is not a path that a file can have here")
            if not path.is_file():
                raise PublicationError(f"files: {name!r}: there is no file {path}")

    @property
    def schema_text(self) -> str:
        """The `schema.json` that ships."""
        return json.dumps(self.schema, indent=1)

    @property
    def schema_sha256(self) -> str:
        """Its digest, in hex."""
        return hashlib.sha256(self.schema_text.encode()).hexdigest()


@dataclass(frozen=True)
class ModelVersion:
    """One registered version.

    Attributes:
        name: name of the registered model.
        version: its number, from 1.
        round: the round that made it; -1 for a version that millstream did not publish.
        run_id: MLflow run that holds its artifacts.
        promoted: whether the gate let it become the champion when it was published.
        reason: why, or why not.
        rung: rung of the compression ladder.
        bytes: size of the flatbuffer.
        gzip_bytes: size as stored.
        metrics: those of its run.
        tags: those of the version.
        created: when it was registered, UTC.
        aliases: its aliases now, sorted; `champion` is the one that users pull.
    """

    name: str
    version: int
    round: int
    run_id: str
    promoted: bool
    reason: str
    rung: str
    bytes: int
    gzip_bytes: int
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    created: datetime
    aliases: tuple[str, ...] = ()

    @property
    def is_decided(self) -> bool:
        """Whether the gate's word is final; not while the champion has changed under it.

        The round may then be published again, as compared with the champion of now.
        """
        return ANNOUNCED in self.tags

    @property
    def promoted_at(self) -> datetime | None:
        """When it became the champion for the first time, UTC, by the journal; None if never."""
        moves = [entry for entry in entries_of(self.tags) if entry.state == "done"]
        first = min(moves, key=lambda entry: entry.number, default=None)
        return None if first is None else datetime.fromisoformat(first.when)

    def to_json(self) -> dict[str, Any]:
        """Plain data, as in a pulled `version.json`."""
        return {
            **vars(self),
            "metrics": dict(self.metrics),
            "tags": dict(self.tags),
            "created": self.created.isoformat(),
            "aliases": list(self.aliases),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ModelVersion:
        """The inverse of `to_json`; keys that it does not know are ignored.

        Raises:
            KeyError: or TypeError or ValueError, it is of no version.
        """
        given = {name: value[name] for name in cls.__dataclass_fields__}
        created, aliases = datetime.fromisoformat(value["created"]), tuple(value["aliases"])
        return cls(**{**given, "created": created, "aliases": aliases})
