"""Make MLflow create what a new store holds: `python open_store.py TRACKING_URI`.

A program of its own, because MLflow's migrations take over the logging of the process they run in.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main(uri: str) -> None:
    """Open the tracking and the registry store once."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.search_experiments(max_results=1)
    client.search_registered_models(max_results=1)


if __name__ == "__main__":
    main(sys.argv[1])
