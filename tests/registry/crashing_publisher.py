"""Publishes a round over and over, killed at a given step each time; run by `test_publish_crashes`.

Arguments: folder with `empty.db`, `model.tflite` and `schema.json`; it answers in `results.json`.
Each attempt is a forked process that kills itself with SIGKILL, so nothing is cleaned up.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401 - before the forks, not in each
from mlflow import MlflowClient

from registry import Artifact, KafkaData, KafkaRange, KerasFile, ModelRegistry, Publication
from registry.package import stage

EXAMPLE = {"x": [0.5, 1.5]}


def publication(folder: Path, number: int, compared_with: int | None = None) -> Publication:
    tflite = (folder / "model.tflite").read_bytes()
    return Publication(
        round=number,
        artifact=Artifact("float32", tflite),
        float32=tflite,
        schema=json.loads((folder / "schema.json").read_text()),
        metrics={"rmse": 1.0},
        params={"epochs": "3"},
        tags={},
        example=EXAMPLE,
        promote=True,
        reason="better",
        files={"report.json": folder / "schema.json"},
        card="# a card",
        keras=KerasFile(b"a .keras file"),
        records=KafkaData((KafkaRange("records", 0, 10 * number, 10 * number + 10),)),
        compared_with=compared_with,
    )


def publish(folder: Path, registry: ModelRegistry, number: int) -> Any:
    """As the service does: the champion to beat is what it was before this round's promotion."""
    champion = registry.champion()
    compared = None if champion is None else champion.version
    if champion is not None and champion.round == number:
        compared = int(champion.tags["millstream.compared_with"] or 0) or None
    return registry.publish(publication(folder, number, compared))


def forked(work: Any) -> int:
    """Run something in a process of its own; its exit status."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def attempt(folder: Path, uri: str, root: Path, number: int, deadly: str | None) -> int:
    """Publish, and be killed at the step `deadly`."""

    def on_step(step: str) -> None:
        if step == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        publish(folder, ModelRegistry("m", uri, root, on_step=on_step), number)

    return forked(work)


def inspect(folder: Path, uri: str, root: Path, out: Path) -> None:
    """What a last, undisturbed attempt leaves behind."""
    version = publish(folder, ModelRegistry("m", uri, root), 2)
    ModelRegistry("m", uri).promote(version.version)  # takes a turn, and has nothing to do
    client = MlflowClient(uri)
    runs = client.search_runs(
        [client.get_experiment_by_name("m").experiment_id], "tags.`millstream.round` = '2'"
    )
    root.mkdir(exist_ok=True)
    artifacts = Path(client.download_artifacts(version.run_id, "", tempfile.mkdtemp(dir=root)))
    state = {
        "versions": [v.round for v in ModelRegistry("m", uri).versions()],
        "champion": ModelRegistry("m", uri).champion().version,
        "returned": version.version,
        "previous": [
            v.version for v in ModelRegistry("m", uri).versions() if "previous" in v.aliases
        ],
        "journal": [
            (e.from_version, e.to_version, e.state) for e in ModelRegistry("m", uri).journal()
        ],
        "model_tags": sorted(client.get_registered_model("m").tags),
        "announced": version.tags.get("millstream.announced"),
        "metrics": dict(version.metrics),
        "inputs": [
            json.loads(given.dataset.source)["topics"]
            for given in client.get_run(version.run_id).inputs.dataset_inputs
        ],
        "runs": [(run.info.run_id == version.run_id, run.info.status) for run in runs],
        "files": sorted(str(p.relative_to(artifacts)) for p in artifacts.rglob("*") if p.is_file()),
        "same_bytes": ModelRegistry("m", uri).tflite(version)
        == (folder / "model.tflite").read_bytes(),
    }
    out.write_text(json.dumps(state))


def prepare(folder: Path) -> list[str]:
    """A store that has round 1, as `base.db`, and the steps of round 2 after it."""
    shutil.copyfile(folder / "empty.db", folder / "base.db")
    uri, root = f"sqlite:///{folder}/base.db", folder / "base"
    assert attempt(folder, uri, root, 1, None) == 0
    shutil.copyfile(folder / "base.db", folder / "steps.db")
    found = folder / "steps.json"

    def work() -> None:
        steps: list[str] = []
        uri = f"sqlite:///{folder}/steps.db"
        publish(folder, ModelRegistry("m", uri, root, on_step=steps.append), 2)
        found.write_text(json.dumps(steps))

    assert forked(work) == 0
    return json.loads(found.read_text())


def main(folder: Path) -> None:
    """Every scenario: which store to begin with, and the steps at which to die, one by one."""
    with tempfile.TemporaryDirectory() as scratch:
        stage(publication(folder, 0), Path(scratch))
    steps = prepare(folder)
    scenarios = [
        ("base", []),
        ("empty", []),
        ("empty", ["experiment", "registered_model", "run"]),
        *[("base", [step]) for step in steps],
        (
            "base",
            [
                "artifacts",
                "run",
                "numbers",
                "run_finished",
                "turn",
                "version",
                "journal",
                "alias",
                "entry",
                "stale_run_deleted",
            ],
        ),
    ]
    results = []
    for i, (start, deaths) in enumerate(scenarios):
        shutil.copyfile(folder / f"{start}.db", folder / f"{i}.db")
        uri, root = f"sqlite:///{folder}/{i}.db", folder / str(i)
        ends = [attempt(folder, uri, root, 2, deadly) for deadly in deaths]
        out = folder / f"{i}.json"
        assert forked(lambda u=uri, r=root, o=out: inspect(folder, u, r, o)) == 0
        state = json.loads(out.read_text())
        results.append({"start": start, "deaths": deaths, "ends": ends, "state": state})
    (folder / "results.json").write_text(json.dumps({"steps": steps, "results": results}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
