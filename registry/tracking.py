"""The run of a service: one for each lineage, in which each round is a step of every curve.

A version has a run of its own, with what it scored. What people follow on MLflow's page over days
is another thing: curves with rounds as steps, also of rounds that made no version.

    1. experiment
    2. run, with its tags, status RUNNING; it is found again by its lineage
    3. metrics of the rounds that are not there yet
    4. files, each in place of the one before it
    5. tag `millstream.tracked`: the last round that is there whole

All of it may be cut short and done again: a point of a curve is its name, step, time and value, and
MLflow keeps one of each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.run_making import METRICS_PER_CALL, Target, ensure_experiment
from registry.store import Store
from registry.tags import LINEAGE, number

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["RUN_NAME", "ServiceRun", "TrackedRound", "metric_name"]

RUN_NAME = "millstream.service"
SERVICE = "millstream.service"
TRACKED = "millstream.tracked"
NOT_ALLOWED = re.compile(r"[^\w\-. :/]", re.ASCII)
LONGEST_NAME = 250


@dataclass(frozen=True)
class TrackedRound:
    """The numbers of one round.

    Attributes:
        round: its number; the step of its points.
        time_ms: when it was, milliseconds since the epoch; the same whenever it is told.
        metrics: by name, finite; see `metric_name`.
    """

    round: int
    time_ms: int
    metrics: Mapping[str, float]


def metric_name(*parts: str) -> str:
    """A name that MLflow takes: parts joined by "/", which its page shows as folders.

    Characters that it refuses become "_", and what is too long is cut.
    """
    plain = [NOT_ALLOWED.sub("_", part.replace("/", "_")).strip() or "_" for part in parts]
    return "/".join(plain)[:LONGEST_NAME]


class ServiceRun:
    """The run of one lineage; nothing is opened before the first use.

    Args:
        store: the border to MLflow.
        target: whose service it is.
        lineage: tells apart state folders that publish under one name.
    """

    def __init__(self, store: Store, target: Target, lineage: str) -> None:
        self._store, self._target, self._lineage = store, target, lineage

    def last_round(self) -> int:
        """The last round that is there whole; 0 before the first, or after someone deleted the run.

        Raises:
            StoreError: MLflow cannot be reached, or refused.
        """
        with self._store.translated(f"find the run of {self._target.name}'s service"):
            client = self._store.client
            found = client.get_experiment_by_name(self._target.experiment)
            run = find_run(client, found.experiment_id, self._tags) if found else None
        return 0 if run is None else number(run.data.tags, TRACKED, 0)

    def add(self, rounds: Sequence[TrackedRound], files: Mapping[str, Path]) -> str:
        """Add rounds, and replace files; idempotent, and safe to be killed at any instant.

        Args:
            rounds: in their order.
            files: name in the run -> local file.

        Returns:
            The id of the run.

        Raises:
            StoreError: MLflow cannot be reached, or refused.
        """
        with self._store.translated(f"add rounds to the run of {self._target.name}'s service"):
            client = self._store.client
            experiment_id = ensure_experiment(client, self._target)
            run = find_run(client, experiment_id, self._tags) or client.create_run(
                experiment_id, tags=self._tags, run_name=RUN_NAME
            )
            run_id = str(run.info.run_id)
            log_rounds(client, run_id, rounds)
            for name, path in files.items():
                folder = str(Path(name).parent) if "/" in name else None
                client.log_artifact(run_id, str(path), folder)
            if rounds:
                client.set_tag(run_id, TRACKED, str(rounds[-1].round))
        return run_id

    @property
    def _tags(self) -> dict[str, str]:
        return {SERVICE: self._target.name, LINEAGE: self._lineage}


def find_run(client: MlflowClient, experiment_id: str, tags: Mapping[str, str]) -> Any | None:
    """The run with some tags, if there is one that nobody has deleted; the first, of several."""
    condition = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    found = client.search_runs([experiment_id], condition, order_by=["attributes.start_time ASC"])
    return found[0] if found else None


def log_rounds(client: MlflowClient, run_id: str, rounds: Sequence[TrackedRound]) -> None:
    """All points, in as few calls as MLflow's limits allow."""
    from mlflow.entities import Metric

    points = [
        Metric(name, float(value), item.time_ms, item.round)
        for item in rounds
        for name, value in item.metrics.items()
    ]
    for first in range(0, len(points), METRICS_PER_CALL):
        client.log_batch(run_id, points[first : first + METRICS_PER_CALL])
