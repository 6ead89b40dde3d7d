"""Publishes from several processes at the same moment; run by `test_publishers_at_once`.

Arguments: folder with `empty.db`, `model.tflite` and `schema.json`; it answers in `results.json`.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401 - before the forks, not in each
from crashing_publisher import publication
from mlflow import MlflowClient
from quick_versions import moves, quick_publication, quick_publish, quick_version

from registry import ModelRegistry
from registry.package import stage

PROCESSES = 3
ROUNDS = 3
FORK = multiprocessing.get_context("fork")


def at_once(work: Callable[[int, Any], Any]) -> list[Any]:
    """What some processes return of `work(number, barrier)`."""
    barrier, answers = FORK.Barrier(PROCESSES, timeout=120), FORK.Queue()

    def run(number: int) -> None:
        answers.put((number, work(number, barrier)))

    # Daemons: where one fails, the others end with the script.
    numbers = range(PROCESSES)
    processes = [FORK.Process(target=run, args=(n,), daemon=True) for n in numbers]
    for process in processes:
        process.start()
    found = dict(answers.get(timeout=180) for _ in processes)
    for process in processes:
        process.join()
    return [found[number] for number in numbers]


def same_round(folder: Path, name: str, meet_at: tuple[str, ...]) -> dict[str, Any]:
    """All publish one round, and wait for each other at steps.

    Who comes to a step has looked for a run before, so each makes its own.
    """
    shutil.copyfile(folder / "empty.db", folder / f"{name}.db")
    uri, root = f"sqlite:///{folder}/{name}.db", folder / name

    def work(number: int, barrier: Any) -> int:
        def on_step(step: str) -> None:
            if step in meet_at:
                barrier.wait()

        barrier.wait()
        registry = ModelRegistry("m", uri, root, on_step=on_step)
        return registry.publish(publication(folder, 1)).version

    returned = at_once(work)
    registry, client = ModelRegistry("m", uri, root), MlflowClient(uri)
    experiment = client.get_experiment_by_name("m").experiment_id
    (version,) = registry.versions()
    return {
        "returned": returned,
        "aliases": version.aliases,
        "runs": [run.info.run_id == version.run_id for run in client.search_runs([experiment])],
        "models": len(list(root.rglob("MLmodel"))),
        "journal": moves(registry),
        "tags": sorted(client.get_registered_model("m").tags),
        "same_bytes": registry.tflite(version) == (folder / "model.tflite").read_bytes(),
    }


def different_rounds(folder: Path) -> dict[str, Any]:
    """Each has rounds of its own, and all compare with the same champion before any publishes."""
    shutil.copyfile(folder / "empty.db", folder / "rounds.db")
    uri = f"sqlite:///{folder}/rounds.db"
    quick_publish(ModelRegistry("m", uri), 0)

    def work(number: int, barrier: Any) -> int:
        registry, overtaken = ModelRegistry("m", uri), 0
        for count in range(1, ROUNDS + 1):
            champion = registry.champion().version
            mine = quick_publication(count, compared_with=champion, lineage=f"of-{number}")
            barrier.wait()
            quick_version(registry, mine)
            version = registry.publish(mine)
            while not version.is_decided:
                overtaken += 1
                mine = replace(mine, compared_with=registry.champion().version)
                version = registry.publish(mine)
            barrier.wait()
        return overtaken

    overtaken = at_once(work)
    registry = ModelRegistry("m", uri)
    promoted = {v.version: v.tags["millstream.compared_with"] for v in registry.versions()}
    return {
        "overtaken": overtaken,
        "journal": moves(registry),
        "compared_with": promoted,
        "states": {v.version: (v.promoted, v.reason) for v in registry.versions()},
        "champion": registry.champion().version,
        "tags": sorted(MlflowClient(uri).get_registered_model("m").tags),
    }


def main(folder: Path) -> None:
    """Every way to meet."""
    with tempfile.TemporaryDirectory() as scratch:
        stage(publication(folder, 0), Path(scratch))
    results = {
        "start": same_round(folder, "start", ()),
        "run_finished": same_round(folder, "run_finished", ("run", "run_finished")),
        "rounds": different_rounds(folder),
    }
    (folder / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
