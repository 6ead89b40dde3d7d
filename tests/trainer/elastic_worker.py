"""One worker process of the tests: FOLDER CASE...; what it found goes to FOLDER.

A case is the name of a model, to be trained, or FUNCTION:NAME of what is to be done with it.
"""

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import elastic_cases as cases
import keras
import numpy as np
import tensorflow as tf

import trainer
from trainer import TrainSettings

EPOCHS = 3
Found = dict[str, Any]


class Worker:
    """This process among the others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if os.environ.get("LOGICAL_CPUS"):
            cpu = tf.config.list_physical_devices("CPU")[0]
            parts = [tf.config.LogicalDeviceConfiguration()] * int(os.environ["LOGICAL_CPUS"])
            tf.config.set_logical_device_configuration(cpu, parts)
        topology = trainer.read_tf_config(os.environ.get("TF_CONFIG"))
        self.strategy = trainer.open_strategy(os.environ.get("STRATEGY", "auto"), topology)
        self.rank, self.size = topology.rank, topology.size
        if self.size == 1:
            self.line: trainer.Communicator = trainer.Alone()
        else:
            self.line = trainer.CollectiveCommunicator(self.strategy, self.rank, self.size)
        self.found: dict[str, Found] = {}
        self._learners: dict[str, trainer.ElasticLearner] = {}

    def write(self) -> None:
        path = self.folder / f"found.{self.size}.{self.rank}.json"
        path.write_text(json.dumps(self.found))

    def learner(self, name: str) -> trainer.ElasticLearner:
        """The learner of that name with its first weights."""
        determinism, floats, build = cases.CASES[name]
        keras.config.set_floatx(floats)
        keras.config.set_dtype_policy(floats)
        first = self.folder / f"first.{name}.{self.size}.{self.rank}.npz"
        if name not in self._learners:
            learner = trainer.ElasticLearner(build, self.strategy, self.line, 1, determinism)
            self._learners[name] = learner
            trainer.save(learner.model, first)
        trainer.load(self._learners[name].model, first)
        return self._learners[name]

    def train(
        self, learner: trainer.ElasticLearner, epochs: int = EPOCHS, seed: int = 0, **more: Any
    ) -> trainer.TrainReport:
        rows, judged = cases.make_rows(cases.ROWS, 1), cases.make_rows(cases.VALIDATION, 2)
        dataset, steps = cases.own_batches(rows, epochs, self.rank, self.size, seed=seed)
        settings = more.pop("settings", TrainSettings(epochs=epochs, patience=epochs))
        own = judged.of(self.rank, self.size)
        return learner.train(dataset, steps, own, settings, **more)


def state_of(model: keras.Model) -> Found:
    """What training changed: a digest, and all floats to be compared."""
    variables = [*model.variables, *model.optimizer.variables]
    values = [np.asarray(variable.numpy()) for variable in variables]
    floats = [value.ravel() for value in values if value.dtype.kind == "f"]
    bits = hashlib.sha256(b"".join(value.tobytes() for value in values)).hexdigest()
    digest = trainer.digest(model)
    return {"bits": bits, "digest": digest, "floats": np.concatenate(floats).tolist()}


def told(report: trainer.TrainReport) -> Found:
    return {**report.to_json(), "seconds": 0, "seconds_by_part": {}}


def train(worker: Worker, name: str) -> Found:
    learner = worker.learner(name)
    report = worker.train(learner)
    return {"report": told(report), **state_of(learner.model)}


def conform(worker: Worker, _: str) -> Found:
    trainer.check_communicator(worker.line)
    keys = worker.strategy.extended._collective_keys._instance_key_table
    before = json.dumps(keys)
    for length in (0, 10, 5_000, 100_001):
        worker.line.gather(bytes(length))
    assert json.dumps(keys) == before, "TensorFlow notes each key of a collective for ever"
    return {"rank": worker.line.rank, "strategy": type(worker.strategy).__name__}


def stop_early(worker: Worker, name: str) -> Found:
    """Overfit, stop, and judge all validation rows with the weights that are left."""
    learner = worker.learner(name)
    learner.model.optimizer.learning_rate = 0.05
    report = worker.train(learner, 25, settings=TrainSettings(epochs=25, patience=2))
    judged = cases.make_rows(cases.VALIDATION, 2).of(0, 1)
    log = keras.losses.BinaryCrossentropy()(
        judged[1][:, None], learner.predict(judged[0])[:, None], sample_weight=judged[2]
    )
    loss = float(log) + float(sum(learner.model.losses))
    scores = learner.scores(judged[0], judged[1], "gradient_norm").tolist()
    return {"report": told(report), "loss": loss, "scores": scores, **state_of(learner.model)}


def go_on(worker: Worker, name: str) -> Found:
    """Train a round from the checkpoint of another number of workers; save the next one."""
    name, _, number = name.partition("/")
    learner, done = worker.learner(name), int(number)
    if done:
        trainer.load(learner.model, worker.folder / f"{name}.{done}.npz")
    worker.train(learner, 2, seed=done, settings=TrainSettings(epochs=2))
    if worker.rank == 0:
        trainer.save(learner.model, worker.folder / f"{name}.{done + 1}.npz")
    return state_of(learner.model)


def go_through(worker: Worker, name: str) -> Found:
    """Train three rounds without a break."""
    learner = worker.learner(name)
    for done in range(3):
        worker.train(learner, 2, seed=done, settings=TrainSettings(epochs=2))
    return state_of(learner.model)


def break_off(worker: Worker, name: str) -> Found:
    """What all workers meet when one of them stops, fails or diverges."""
    learner, last = worker.learner(name), worker.rank == worker.size - 1
    before = trainer.digest(learner.model)
    found: Found = {}

    def fail(epoch: int, _: Any) -> None:
        if last and epoch == 2:
            raise ValueError("on purpose")

    asked = []
    attempts: dict[str, dict[str, Any]] = {
        "stopped": {"should_stop": lambda: asked.append(1) or (last and len(asked) == 3)},
        "failed": {"on_epoch": fail},
        "another": {"round_seed": worker.rank},
    }
    for attempt, options in attempts.items():
        try:
            worker.train(learner, **options)
        except (trainer.TrainerError, ValueError) as error:
            found[attempt] = f"{type(error).__name__}: {error}"
        found[f"{attempt} unchanged"] = trainer.digest(learner.model) == before
    huge = np.finfo(keras.config.floatx()).max / 1e8
    learner.model.optimizer.learning_rate = float(huge)
    before = trainer.digest(learner.model)
    found["diverged"] = told(worker.train(learner))
    found["diverged unchanged"] = trainer.digest(learner.model) == before
    return found


def lose(worker: Worker, name: str) -> Found:
    """Train with the last worker killed or stopped in the second epoch."""
    name, _, how = name.partition("/")
    learner, times = worker.learner(name), {}

    def fall(epoch: int, _: Any) -> None:
        times["last"] = time.perf_counter()
        if epoch == 2 and worker.rank == worker.size - 1:
            worker.write()
            os.kill(os.getpid(), getattr(signal, how))

    try:
        worker.train(learner, 200, on_epoch=fall, settings=TrainSettings(epochs=200, patience=200))
    except trainer.PeerLost as error:
        return {"error": str(error), "noticed_s": time.perf_counter() - times["last"]}
    return {"error": None}


FUNCTIONS: dict[str, Callable[[Worker, str], Found]] = {
    "break_off": break_off,
    "conform": conform,
    "go_on": go_on,
    "go_through": go_through,
    "lose": lose,
    "stop_early": stop_early,
    "train": train,
}


def find(folder: Path, cases: list[str]) -> dict[str, Found]:
    """Do the cases one after another and return what was found; it is also written to a file."""
    worker = Worker(folder)
    for case in cases:
        function, _, name = case.rpartition(":")
        begun = time.process_time()
        worker.found[case] = FUNCTIONS[function or "train"](worker, name)
        worker.found[case]["cpu_s"] = time.process_time() - begun
    worker.write()
    return worker.found


if __name__ == "__main__":
    find(Path(sys.argv[1]), sys.argv[2:])
