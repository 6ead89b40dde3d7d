"""Artifacts of runs as they lie in storage: MLflow marks runs as deleted, and keeps their files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import StoreError

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["delete_artifacts", "download_folder"]


def delete_artifacts(client: MlflowClient, run: Any) -> None:
    """Delete the files of a run from storage; a run without files is fine.

    Raises:
        StoreError: the storage cannot delete, or the run has no folder of its own.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    place, run_id = run.info.artifact_uri, run.info.run_id
    if run_id not in place:
        raise StoreError(
            f"the artifacts of run {run_id} are not in a folder of its own ({place}), so they are"
            " left alone; delete them by hand"
        )
    repository = get_artifact_repository(place, tracking_uri=client.tracking_uri)
    try:
        repository.delete_artifacts()  # type: ignore[no-untyped-call]
    except NotImplementedError as e:
        raise StoreError(f"the artifact storage at {place} has no way to delete files") from e


def download_folder(client: MlflowClient, run_id: str, folder: str, into: Path) -> Path:
    """Where a folder of a run's artifacts lies, once it is copied into `into`.

    The storage is asked itself, as MLflow's client swallows why a download fails. The storage says
    it at the end of a long text, so that is what is raised.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import ErrorCode
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    place = client.get_run(run_id).info.artifact_uri
    repository = get_artifact_repository(place, tracking_uri=client.tracking_uri)
    try:
        return Path(repository.download_artifacts(folder, str(into)))  # type: ignore[no-untyped-call]
    except MlflowException as e:
        *_, last = e.error_code, *str(e).strip().splitlines()
        raise MlflowException(last, ErrorCode.Value(e.error_code)) from e
