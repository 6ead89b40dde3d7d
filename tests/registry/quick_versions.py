"""Versions that took no packaging: a run with a small artifact, and a version with all its tags.

What is left to `ModelRegistry.publish` is what it does of a version that exists: the verdict, the
aliases, the journal.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from registry import Artifact, ModelRegistry, ModelVersion, Publication
from registry.tags import make_tags

BYTES = 10_000


def quick_publication(number: int, **changes: Any) -> Publication:
    """A publication of a round, promoted unless it says otherwise."""
    given: dict[str, Any] = {
        "artifact": Artifact("float32", f"model of round {number}".encode()),
        "float32": b"float32",
        "schema": {"fields": []},
        "metrics": {"test_auc": 0.5 + number / 100, "records": 100.0 * number},
        "params": {},
        "tags": {},
        "example": {},
        "promote": True,
        "reason": f"round {number} is better",
    }
    return Publication(round=number, **{**given, **changes})


def quick_run(registry: ModelRegistry, publication: Publication) -> Any:
    """A complete run that only lacks its version."""
    client = MlflowClient(registry.tracking_uri)
    folder = Path(registry.tracking_uri.removeprefix("sqlite:///")).parent / "artifacts"
    found = client.get_experiment_by_name(registry.name)
    if found is None:
        client.create_registered_model(registry.name)
        client.create_experiment(registry.name, artifact_location=folder.as_uri())
        found = client.get_experiment_by_name(registry.name)
    tags = make_tags(registry.name, publication)
    run = client.create_run(found.experiment_id, tags=tags)
    for name, value in publication.metrics.items():
        client.log_metric(run.info.run_id, name, value)
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "weights").write_bytes(bytes(BYTES))
        client.log_artifacts(run.info.run_id, scratch, "model")
    for name, value in publication.params.items():
        client.log_param(run.info.run_id, name, value)
    client.set_terminated(run.info.run_id, "FINISHED")
    return run


def quick_version(registry: ModelRegistry, publication: Publication) -> None:
    """Register a version that nothing was decided about."""
    run, tags = quick_run(registry, publication), make_tags(registry.name, publication)
    MlflowClient(registry.tracking_uri).create_model_version(
        registry.name, f"{run.info.artifact_uri}/model", run.info.run_id, tags=tags
    )


def quick_publish(registry: ModelRegistry, number: int, **changes: Any) -> ModelVersion:
    """Publish a round; compared with the champion of now unless it says otherwise."""
    champion = registry.champion()
    compared = None if champion is None else champion.version
    publication = quick_publication(number, **{"compared_with": compared, **changes})
    quick_version(registry, publication)
    return registry.publish(publication)


def aliases(registry: ModelRegistry) -> dict[str, int]:
    """Alias -> version."""
    return {
        alias: version.version
        for version, alias in itertools.chain.from_iterable(
            [(version, alias) for alias in version.aliases] for version in registry.versions()
        )
    }


def moves(registry: ModelRegistry) -> list[tuple[int, int | None, int, str]]:
    """The journal: number, from, to, state."""
    return [(e.number, e.from_version, e.to_version, e.state) for e in registry.journal()]
