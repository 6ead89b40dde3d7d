"""Old versions leave the registry, and their artifacts the storage; what they were is kept.

A version goes in steps that can be cut short anywhere; the next pruning goes on with them:

    1. entries of the journal, and tag `millstream.pruned` = "begun", on its run
    2. the version, in turn (`registry.turn`), if no alias has come to point at it
    3. artifacts of the run, from storage
    4. tag `millstream.pruned` = "done"

So a version never loses its artifacts before it is gone. The run stays with metrics, params and
tags. `mlflow gc` is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry import tags as tag
from registry.artifact_store import delete_artifacts
from registry.errors import RegistryError
from registry.journal import entries_of
from registry.promotion import Step, moving_aliases, point_candidate
from registry.reading import aliases_of, every_version, experiments_of, run_of
from registry.run_making import Target

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Pruning", "prune_versions"]

PARENT = "millstream.parent_version"
BEGUN, DONE = "begun", "done"


@dataclass(frozen=True)
class Pruning:
    """What a pruning did, or would do.

    Attributes:
        deleted: versions, by number.
        kept: older versions that stay, and why.
    """

    deleted: tuple[int, ...]
    kept: Mapping[int, str]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "deleted": list(self.deleted),
            "kept": {str(number): why for number, why in self.kept.items()},
        }


def prune_versions(
    client: MlflowClient, target: Target, keep: int, *, dry_run: bool, on_step: Step
) -> Pruning:
    """Delete the versions beyond the `keep` newest that nothing needs.

    Raises:
        RegistryError: `keep` is less than 1.
        StoreError: the storage cannot delete.
    """
    if keep < 1:
        raise RegistryError(f"keep: expected at least 1 version, got {keep}")
    name = target.name
    if aliases_of(client, name) is None:
        return Pruning((), {})
    versions = every_version(client, name)
    needed = needed_versions(client, name, versions)
    older = versions[: max(0, len(versions) - keep)]
    if not dry_run:
        finish_pruned(client, target, versions, on_step)
    deleted, kept = [], {}
    for version in older:
        number = int(version.version)
        why = needed.get(number) or others_of_run(client, version) or without_run(client, version)
        if not (why or dry_run):
            why = delete(client, version, on_step)
        if why:
            kept[number] = why
        else:
            deleted.append(number)
    return Pruning(tuple(deleted), kept)


def needed_versions(client: MlflowClient, name: str, versions: Sequence[Any]) -> dict[int, str]:
    """Which versions stay however old they are, and why."""
    needed: dict[int, str] = {}
    named = aliases_of(client, name) or {}
    by_number = {int(version.version): version for version in versions}
    for alias, number in sorted(named.items()):
        parent = tag.number(by_number[number].tags, PARENT, 0) if number in by_number else 0
        if parent in by_number:
            needed.setdefault(parent, f"version {number}, {alias}, was compared with it")
    for alias, number in sorted(named.items()):
        needed[number] = f"is {alias}"
    for number, version in by_number.items():
        if tag.ROUND not in version.tags or not version.run_id:
            needed.setdefault(number, "was not published by millstream")
        elif tag.ANNOUNCED not in version.tags:
            needed.setdefault(number, "is not decided yet")
    return needed


def others_of_run(client: MlflowClient, version: Any) -> str:
    """What other version, of any model, has its artifacts in the same run; "" if none has."""
    for other in client.search_model_versions(f"run_id = '{version.run_id}'"):
        if (other.name, str(other.version)) != (version.name, str(version.version)):
            return f"{other.name}/{other.version} is made of its run, too"
    return ""


def without_run(client: MlflowClient, version: Any) -> str:
    """Why nothing can be noted of a version on its run; "" if it can."""
    run = run_of(client, version)
    if run is None:
        return f"its run {version.run_id} is gone; delete the version in MLflow"
    if run.info.lifecycle_stage != "active":
        return f"its run {version.run_id} is deleted; restore it in MLflow, or delete the version"
    return ""


def delete(client: MlflowClient, version: Any, on_step: Step) -> str:
    """Delete a version and its artifacts; returns why it stays all the same, or ""."""
    name, number, run_id = version.name, int(version.version), version.run_id
    for entry in entries_of(version.tags):
        client.set_tag(run_id, entry.tag, entry.to_text())
    client.set_tag(run_id, tag.PRUNED, BEGUN)
    on_step("prune_begun")
    with moving_aliases(client, name, on_step) as (turn, _):
        pointing = sorted(alias for alias, at in turn.aliases.items() if at == number)
        if pointing:
            client.delete_tag(run_id, tag.PRUNED)
            return f"is {pointing[0]} by now"
        client.delete_model_version(name, str(number))
        on_step("version_deleted")
        point_candidate(turn, on_step)
    remove_artifacts(client, run_id, on_step)
    return ""


def remove_artifacts(client: MlflowClient, run_id: str, on_step: Step) -> None:
    """Steps 3 and 4 of a version."""
    delete_artifacts(client, client.get_run(run_id))
    on_step("artifacts_deleted")
    client.set_tag(run_id, tag.PRUNED, DONE)
    on_step("prune_done")


def finish_pruned(
    client: MlflowClient, target: Target, versions: Sequence[Any], on_step: Step
) -> None:
    """Go on with what a killed pruning has begun: of versions that are gone, the artifacts."""
    places = experiments_of(client, target.experiment, versions)
    if not places:
        return
    there = {version.run_id for version in versions}
    begun = f"tags.`{tag.PRUNED}` = '{BEGUN}'"
    for run in tag.tagged_runs(client, places, target.name, begun):
        if run.info.run_id not in there:
            remove_artifacts(client, run.info.run_id, on_step)
