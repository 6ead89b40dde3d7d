"""The tags that the registry writes on runs and versions, and reads back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from registry.publication import Publication

__all__ = [
    "ANNOUNCED",
    "EVENT_TO_MODEL",
    "is_promoted",
    "make_tags",
    "number",
    "round_filter",
    "tagged_runs",
]

MODEL = "millstream.model"
ROUND = "millstream.round"
LINEAGE = "millstream.lineage"
RUNG = "millstream.rung"
BYTES = "millstream.bytes"
GZIP_BYTES = "millstream.gzip_bytes"
SHA256 = "millstream.sha256"
SCHEMA_SHA256 = "millstream.schema_sha256"
PROMOTE = "millstream.promote"
REASON = "millstream.reason"
NOTES = "millstream.notes"
COMPARED_WITH = "millstream.compared_with"
ANNOUNCED = "millstream.announced"
MAKER = "millstream.maker"
PRUNED = "millstream.pruned"
EVENT_TO_MODEL = "millstream.event_to_model"
LONGEST = 1000


def make_tags(name: str, publication: Publication) -> dict[str, str]:
    """All tags of a publication, the same for its run and its version."""
    artifact = publication.artifact
    return {
        **publication.tags,
        MODEL: name,
        ROUND: str(publication.round),
        LINEAGE: publication.lineage,
        RUNG: artifact.rung,
        BYTES: str(artifact.bytes),
        GZIP_BYTES: str(artifact.gzip_bytes),
        SHA256: artifact.sha256,
        SCHEMA_SHA256: publication.schema_sha256,
        PROMOTE: "true" if publication.promote else "false",
        REASON: publication.reason[:LONGEST],
        COMPARED_WITH: str(publication.compared_with or ""),
        NOTES: "; ".join(artifact.notes)[:LONGEST],
    }


def round_filter(publication: Publication) -> str:
    """MLflow's filter for what belongs to a publication's round and lineage."""
    return f"tags.`{ROUND}` = '{publication.round}' and tags.`{LINEAGE}` = '{publication.lineage}'"


def is_promoted(tags: Mapping[str, str]) -> bool:
    """Whether the gate let the version be promoted when it was published."""
    return tags.get(PROMOTE) == "true"


def number(tags: Mapping[str, str], tag: str, otherwise: int) -> int:
    """A tag that holds a whole number; `otherwise` where it is missing or holds none."""
    try:
        return int(tags[tag])
    except (KeyError, ValueError):
        return otherwise


def tagged_runs(
    client: MlflowClient, experiments: Sequence[str], name: str, where: str = ""
) -> list[Any]:
    """The runs of some experiments, by id, that belong to a model; newest first."""
    condition = f"tags.`{MODEL}` = '{name}'" + (f" and {where}" if where else "")
    runs: list[Any] = []
    token: str | None = None
    while True:
        page = client.search_runs(list(experiments), condition, page_token=token)
        runs.extend(page)
        token = page.token
        if not token:
            return runs
