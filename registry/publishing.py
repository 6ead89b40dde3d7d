"""Publishing a round to MLflow in steps that can be cut short anywhere and done again.

The order is the design. What exists is looked up by the round's tag before it is made:

    1. experiment and registered model
    2. run, with all tags, status RUNNING
    3. metrics and params
    4. artifacts, all in one folder
    5. run FINISHED: it is complete
    6. version, with all tags, from the run
    7. alias `champion`, where the gate said so
    8. tag `millstream.announced`: nothing is left to do

A run of the round that is not complete, or holds other bytes, is deleted and made anew. A version
is never made twice. One process publishes a model's rounds at a time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import StoreError
from registry.package import MODEL_FOLDER, stage
from registry.publication import Publication
from registry.reference import CHAMPION
from registry.tags import ANNOUNCED, SHA256, is_promoted, make_tags, round_filter, tagged_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Step", "Target", "aliases_of", "publish_round"]

Step = Callable[[str], None]
LONGEST = 5000  # characters of a description that every MLflow store takes
PARAMS_PER_CALL = 100
METRICS_PER_CALL = 800


@dataclass(frozen=True)
class Target:
    """Where versions go.

    Attributes:
        name: registered model.
        experiment: experiment of its runs.
        artifact_root: folder for a new experiment's artifacts; None leaves it to MLflow.
    """

    name: str
    experiment: str
    artifact_root: Path | None


def publish_round(
    client: MlflowClient, target: Target, publication: Publication, on_step: Step
) -> int:
    """Make sure that the round has its one version, and say which.

    Args:
        client: MLflow's client.
        target: where to.
        publication: what.
        on_step: called with a step's name after each call that changes something.
    """
    version = find_version(client, target.name, publication)
    if version is None:
        version = make_version(client, target, publication, on_step)
    if ANNOUNCED not in version.tags:
        if is_promoted(version.tags):
            move_champion(client, target.name, int(version.version))
            on_step("alias")
        client.set_model_version_tag(target.name, str(version.version), ANNOUNCED, "true")
        on_step("announced")
    return int(version.version)


def find_version(client: MlflowClient, name: str, publication: Publication) -> Any | None:
    """The round's version, if it has one."""
    found = client.search_model_versions(f"name = '{name}' and {round_filter(publication)}")
    return min(found, key=lambda version: int(version.version), default=None)


def make_version(
    client: MlflowClient, target: Target, publication: Publication, on_step: Step
) -> Any:
    """A version from a complete run of the round."""
    experiment_id = ensure_experiment(client, target)
    on_step("experiment")
    ensure_registered_model(client, target.name)
    on_step("registered_model")
    run = find_complete_run(client, target.name, experiment_id, publication, on_step)
    if run is None:
        run = make_run(client, target.name, experiment_id, publication, on_step)
    version = client.create_model_version(
        target.name,
        source=f"{run.info.artifact_uri}/{MODEL_FOLDER}",
        run_id=run.info.run_id,
        tags=make_tags(target.name, publication),
        description=publication.description[:LONGEST] or None,
    )
    on_step("version")
    return version


def find_complete_run(
    client: MlflowClient,
    name: str,
    experiment_id: str,
    publication: Publication,
    on_step: Step,
) -> Any | None:
    """The round's run that only lacks its version; any other run of the round is deleted."""
    complete = None
    for run in tagged_runs(client, experiment_id, name, round_filter(publication)):
        same = run.data.tags.get(SHA256) == publication.artifact.sha256
        if complete is None and same and run.info.status == "FINISHED":
            complete = run
        else:
            client.delete_run(run.info.run_id)
            on_step("stale_run_deleted")
    return complete


def make_run(
    client: MlflowClient,
    name: str,
    experiment_id: str,
    publication: Publication,
    on_step: Step,
) -> Any:
    """A complete run: tags, metrics, params, artifacts, then FINISHED."""
    with tempfile.TemporaryDirectory(prefix="millstream-publish-") as folder:
        stage(publication, Path(folder))
        run = client.create_run(
            experiment_id,
            tags=make_tags(name, publication),
            run_name=f"{name}-round-{publication.round:06d}",
        )
        on_step("run")
        log_numbers(client, run.info.run_id, publication)
        on_step("numbers")
        client.log_artifacts(run.info.run_id, folder)
        on_step("artifacts")
    client.set_terminated(run.info.run_id, "FINISHED")
    on_step("run_finished")
    return run


def log_numbers(client: MlflowClient, run_id: str, publication: Publication) -> None:
    """Metrics and params, in as few calls as MLflow's limits allow."""
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    metrics = [
        Metric(key, float(value), now, publication.round)
        for key, value in publication.metrics.items()
    ]
    params = [Param(key, str(value)) for key, value in publication.params.items()]
    while metrics or params:
        client.log_batch(run_id, metrics[:METRICS_PER_CALL], params[:PARAMS_PER_CALL])
        metrics, params = metrics[METRICS_PER_CALL:], params[PARAMS_PER_CALL:]


def ensure_experiment(client: MlflowClient, target: Target) -> str:
    """Id of the experiment, made when there is none.

    Raises:
        StoreError: the experiment is in MLflow's trash.
    """
    found = client.get_experiment_by_name(target.experiment)
    if found is None:
        root = target.artifact_root
        location = (root.resolve() / target.experiment).as_uri() if root else None
        return str(client.create_experiment(target.experiment, artifact_location=location))
    if found.lifecycle_stage != "active":
        raise StoreError(
            f'experiment "{target.experiment}" is deleted; restore it in MLflow, or change '
            "registry.experiment"
        )
    return str(found.experiment_id)


def ensure_registered_model(client: MlflowClient, name: str) -> None:
    """The registered model, made when there is none."""
    if aliases_of(client, name) is None:
        client.create_registered_model(name)


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


def move_champion(client: MlflowClient, name: str, version: int) -> None:
    """Point `champion` at a version, but never from a later one back."""
    champion = (aliases_of(client, name) or {}).get(CHAMPION, 0)
    if champion < version:
        client.set_registered_model_alias(name, CHAMPION, str(version))
