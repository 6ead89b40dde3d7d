"""What MLflow holds of a model, read and put in our words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry import tags as tag
from registry.errors import VersionNotFound
from registry.publication import ModelVersion
from registry.reference import Reference
from registry.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = [
    "aliases_of",
    "every_version",
    "experiments_of",
    "get_version",
    "list_versions",
    "require_version",
    "run_of",
    "version_at",
]

LATEST = "latest"
"""MLflow's own alias of the newest version."""


def aliases_of(client: MlflowClient, name: str) -> dict[str, int] | None:
    """Alias -> version of a registered model; None when there is no such model."""
    from mlflow.exceptions import MlflowException

    try:
        model = client.get_registered_model(name)
    except MlflowException as e:
        if e.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return {alias: int(version) for alias, version in model.aliases.items()}


def every_version(client: MlflowClient, name: str) -> list[Any]:
    """All of a registered model's versions, by number."""
    found: list[Any] = []
    token: str | None = None
    while True:
        page = client.search_model_versions(f"name = '{name}'", page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return sorted(found, key=lambda version: int(version.version))


def get_version(client: MlflowClient, name: str, number: int) -> Any | None:
    """MLflow's version of a number; None when there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(name, str(number))
    except MlflowException as e:
        if e.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def run_of(client: MlflowClient, version: Any) -> Any | None:
    """The run of MLflow's version, which may be in the trash; None if there is none any more."""
    from mlflow.exceptions import MlflowException

    if not version.run_id:
        return None
    try:
        return client.get_run(version.run_id)
    except MlflowException as e:
        if e.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def require_version(store: Store, reference: Reference) -> ModelVersion:
    """The version that a reference names.

    Raises:
        VersionNotFound: it names nothing; says what there is.
    """
    client, name = store.client, reference.name
    aliases = aliases_of(client, name)
    if aliases is None:
        raise VersionNotFound(f'no model "{name}" is registered at {store.place}')
    number = reference.version or aliases.get(reference.alias or "")
    if reference.alias == LATEST:
        number = max((int(v.version) for v in every_version(client, name)), default=None)
    found = get_version(client, name, number) if number else None
    if found is None:
        numbers = [int(version.version) for version in every_version(client, name)]
        raise VersionNotFound(
            f"{reference} does not exist at {store.place}: {name} has {tell(numbers, aliases)}"
        )
    run = run_of(client, found)
    return describe(found, run.data.metrics if run else {}, aliases)


def version_at(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    """The version that an alias names, without metrics, by one call; None if it names none."""
    from mlflow.exceptions import MlflowException

    try:
        found = client.get_model_version_by_alias(name, alias)
    except MlflowException as e:
        if e.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return describe(found, {}, {alias: int(found.version)})


def list_versions(client: MlflowClient, name: str, experiment: str) -> list[ModelVersion]:
    """All versions with the metrics of their runs, by number."""
    found = every_version(client, name)
    if not found:
        return []
    aliases = aliases_of(client, name) or {}
    runs = tag.tagged_runs(client, experiments_of(client, experiment, found), name)
    metrics = {run.info.run_id: run.data.metrics for run in runs}
    return [describe(v, metrics.get(v.run_id, {}), aliases) for v in found]


def experiments_of(client: MlflowClient, experiment: str, versions: Sequence[Any]) -> list[str]:
    """Ids of the experiments that a model's runs lie in.

    They are that of this name, and that of the newest run that is there, which may be another one.

    Args:
        client: MLflow's client.
        experiment: name of the experiment that is expected.
        versions: MLflow's, by number.
    """
    known = client.get_experiment_by_name(experiment)
    found = [] if known is None else [str(known.experiment_id)]
    runs = (run_of(client, version) for version in reversed(versions))
    newest = next((run for run in runs if run is not None), None)
    if newest is not None:
        found.append(str(newest.info.experiment_id))
    return list(dict.fromkeys(found))


def tell(numbers: Sequence[int], aliases: Mapping[str, int]) -> str:
    """Which versions and aliases there are, for a person."""
    known = f"versions {numbers[0]} to {numbers[-1]}" if numbers else "no versions"
    named = ", ".join(f"{alias} -> {number}" for alias, number in sorted(aliases.items()))
    return f"{known} and the aliases {{{named}}}"


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
        aliases=tuple(sorted(alias for alias, version in aliases.items() if version == number)),
    )
