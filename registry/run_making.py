"""The run of a version: made whole before there is a version, and thrown away if it is not needed.

A run says which process makes it. One that is not complete, or holds other bytes, is what a killed
process has left; it is thrown away with its artifacts once the round has its version. That of a
process that may be alive is not touched.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.artifact_store import delete_artifacts
from registry.errors import StoreError, StoreUnavailable
from registry.lineage import log_records
from registry.package import stage
from registry.process import is_gone, my_mark
from registry.promotion import Step
from registry.publication import Publication
from registry.scratch import scratch_folder
from registry.store import asked_once
from registry.store_errors import is_foreign, kind_of
from registry.tags import MAKER, SHA256, make_tags, round_filter, tagged_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = [
    "METRICS_PER_CALL",
    "Target",
    "discard_run",
    "ensure_experiment",
    "find_runs",
    "log_numbers",
    "make_run",
]

log = logging.getLogger("millstream")

PARAMS_PER_CALL = 100
METRICS_PER_CALL = 800
EXISTS = "RESOURCE_ALREADY_EXISTS"


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


def ensure_experiment(client: MlflowClient, target: Target) -> str:
    """Id of the experiment, made when there is none.

    Raises:
        StoreError: the experiment is in MLflow's trash.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(target.experiment)
    if found is None:
        root = target.artifact_root
        location = (root.resolve() / target.experiment).as_uri() if root else None
        try:
            return str(client.create_experiment(target.experiment, artifact_location=location))
        except MlflowException as e:
            if e.error_code != EXISTS:
                raise
        found = client.get_experiment_by_name(target.experiment)
    if found is None or found.lifecycle_stage != "active":
        raise StoreError(
            f'experiment "{target.experiment}" is deleted; restore it in MLflow, or change '
            "registry.experiment"
        )
    return str(found.experiment_id)


def find_runs(
    client: MlflowClient, name: str, experiment_id: str, publication: Publication
) -> tuple[Any | None, list[Any]]:
    """The round's run that only lacks its version, and all that ended processes have left."""
    found, left_over = None, []
    for run in tagged_runs(client, [experiment_id], name, round_filter(publication)):
        same = run.data.tags.get(SHA256) == publication.artifact.sha256
        if found is None and same and run.info.status == "FINISHED":
            found = run
        if is_gone(run.data.tags.get(MAKER, "")) or MAKER not in run.data.tags:
            left_over.append(run)
    return found, left_over


def make_run(
    client: MlflowClient,
    name: str,
    experiment_id: str,
    publication: Publication,
    on_step: Step,
) -> Any:
    """A complete run: tags, metrics, params, records, artifacts, then FINISHED."""
    with scratch_folder("publish") as folder:
        stage(publication, folder)
        with asked_once():
            run = client.create_run(
                experiment_id,
                tags={**make_tags(name, publication), MAKER: my_mark()},
                run_name=f"{name}-round-{publication.round:06d}",
            )
        on_step("run")
        log_numbers(client, run.info.run_id, publication)
        tell_records(client, run.info.run_id, publication)
        on_step("numbers")
        client.log_artifacts(run.info.run_id, str(folder))
        on_step("artifacts")
    client.set_terminated(run.info.run_id, "FINISHED")
    on_step("run_finished")
    return run


def tell_records(client: MlflowClient, run_id: str, publication: Publication) -> None:
    """Show the records as the run's input, also if another process tells of the same ones now.

    MLflow looks for the dataset and then makes it, so who comes second is refused once.
    """
    from mlflow.exceptions import MlflowException

    try:
        log_records(client, run_id, publication.records)
    except MlflowException as e:
        if e.error_code != "BAD_REQUEST":
            raise
        log_records(client, run_id, publication.records)


def discard_run(client: MlflowClient, run: Any) -> None:
    """Delete a run that no version is made of, with its artifacts, which MLflow would keep.

    Artifacts that the storage does not let us delete stay: no round waits for more space.
    """
    try:
        delete_artifacts(client, run)
    except Exception as e:
        if not (isinstance(e, StoreError) or is_foreign(e)):
            raise
        kind = type(e) if isinstance(e, StoreError) else kind_of(e)
        if kind is StoreUnavailable:
            raise
        log.warning("run %s is not needed, but its artifacts cannot be deleted", run.info.run_id)
    client.delete_run(run.info.run_id)


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
