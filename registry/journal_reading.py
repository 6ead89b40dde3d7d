"""The journal of a model, gathered from where its entries lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.journal import NEWEST, Promotion, entries_of, in_order
from registry.reading import aliases_of, every_version, experiments_of
from registry.tags import PRUNED, tagged_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["read_journal"]


def read_journal(client: MlflowClient, name: str, experiment: str) -> list[Promotion]:
    """Every move, oldest first; a number that is missing was that of a version deleted by others.

    Args:
        client: MLflow's client.
        name: the registered model.
        experiment: name of the experiment of its runs.
    """
    if aliases_of(client, name) is None:
        return []
    newest = Promotion.parse(client.get_registered_model(name).tags.get(NEWEST, ""))
    versions = every_version(client, name)
    places = experiments_of(client, experiment, versions)
    pruned = tagged_runs(client, places, name, f"tags.`{PRUNED}` LIKE '%'") if places else []
    found = [] if newest is None else [newest]
    for run in pruned:
        found += entries_of(run.data.tags)
    for version in versions:
        found += entries_of(version.tags)
    return in_order(found)
