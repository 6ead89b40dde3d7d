"""MLflow's server on a socket that is open already: `python serve_mlflow.py FD URI ARTIFACTS`.

A program of its own, run by the keeper: one process and one worker, where `mlflow server` has two
processes, of which a kill would leave one behind.
"""

from __future__ import annotations

import os
import socket
import sys

__all__ = ["main"]


def main(descriptor: int, tracking_uri: str, artifact_root: str) -> None:
    """Serve until SIGTERM.

    Args:
        descriptor: of a bound socket.
        tracking_uri: the store behind it.
        artifact_root: the folder behind `mlflow-artifacts:`.
    """
    os.environ.update(
        MLFLOW_DISABLE_TELEMETRY="true",
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        _MLFLOW_SERVER_FILE_STORE=tracking_uri,
        _MLFLOW_SERVER_REGISTRY_STORE=tracking_uri,
        _MLFLOW_SERVER_ARTIFACT_ROOT="mlflow-artifacts:/",
        _MLFLOW_SERVER_ARTIFACT_DESTINATION=artifact_root,
        _MLFLOW_SERVER_SERVE_ARTIFACTS="true",
    )
    import uvicorn
    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    initialize_backend_stores(tracking_uri, tracking_uri, "mlflow-artifacts:/")
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
