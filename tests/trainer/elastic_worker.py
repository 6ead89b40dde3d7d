"""One worker process of the tests: FOLDER CASE...; what it found goes to FOLDER."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import elastic_cases as cases
import keras
import numpy as np

import trainer

EPOCHS = 3


class Worker:
    """This process among the others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        begun = time.perf_counter()
        topology = trainer.read_tf_config(os.environ.get("TF_CONFIG"))
        self.strategy = trainer.open_strategy("auto", topology)
        self.rank, self.size = topology.rank, topology.size
        if self.size == 1:
            self.line: trainer.Communicator = trainer.Alone()
        else:
            self.line = trainer.CollectiveCommunicator(self.strategy, self.rank, self.size)
        self.opened_s = time.perf_counter() - begun

    def learner(self, name: str) -> trainer.ElasticLearner:
        determinism, floats, build = cases.CASES[name]
        keras.config.set_floatx(floats)
        keras.config.set_dtype_policy(floats)
        return trainer.ElasticLearner(build, self.strategy, self.line, 1, determinism)

    def train(
        self, learner: trainer.ElasticLearner, epochs: int = EPOCHS, seed: int = 0, **more: Any
    ) -> trainer.TrainReport:
        rows, judged = cases.make_rows(cases.ROWS, 1), cases.make_rows(cases.VALIDATION, 2)
        dataset, steps = cases.own_batches(rows, epochs, self.rank, self.size, seed=seed)
        settings = more.pop("settings", trainer.TrainSettings(epochs=epochs, patience=epochs))
        own = judged.of(self.rank, self.size)
        return learner.train(dataset, steps, own, settings, **more)


def state_of(model: keras.Model) -> dict[str, Any]:
    """What training changed: a digest, and all floats to be compared."""
    variables = [*model.variables, *model.optimizer.variables]
    values = [np.asarray(variable.numpy()) for variable in variables]
    floats = [value.ravel() for value in values if value.dtype.kind == "f"]
    bits = hashlib.sha256(b"".join(value.tobytes() for value in values)).hexdigest()
    digest = trainer.digest(model)
    return {"bits": bits, "digest": digest, "floats": np.concatenate(floats).tolist()}


def told(report: trainer.TrainReport) -> dict[str, Any]:
    return {**report.to_json(), "seconds": 0, "seconds_by_part": {}}


def train_case(worker: Worker, name: str) -> dict[str, Any]:
    learner = worker.learner(name)
    report = worker.train(learner)
    return {"report": told(report), **state_of(learner.model)}


def conform(worker: Worker) -> dict[str, Any]:
    trainer.check_communicator(worker.line)
    return {"rank": worker.line.rank, "opened_s": worker.opened_s}


SPECIAL: dict[str, Callable[[Worker], dict[str, Any]]] = {"conform": conform}


def main() -> None:
    worker = Worker(Path(sys.argv[1]))
    found = {}
    for name in sys.argv[2:]:
        begun = time.perf_counter()
        found[name] = SPECIAL[name](worker) if name in SPECIAL else train_case(worker, name)
        found[name]["case_s"] = time.perf_counter() - begun
    path = worker.folder / f"found.{worker.size}.{worker.rank}.json"
    path.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
