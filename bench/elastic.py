"""What a train step costs on one and two workers of this machine, numeric and bitwise.

    python -m bench.elastic [--steps 200] [--workers 1,2]

All workers share the machine's cores, so that this shows the price of working together, not what
more machines give. The first column is `Learner`, which one worker uses in numeric mode.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
from typing import Any

import numpy as np

FEATURES, HIDDEN, BATCH, PARTITIONS = 20, 64, 256, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200, help="batches of an epoch")
    parser.add_argument("--workers", default="1,2", help="numbers of workers")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.steps)))
        return
    found = {int(size): started(int(size), options.steps) for size in options.workers.split(",")}
    print(f"{'workers':>8} {'numeric ms':>11} {'bitwise ms':>11} {'ratio':>6}")
    for size, times in found.items():
        ratio = times["bitwise"] / times["numeric"]
        print(f"{size:>8} {times['numeric']:>11.2f} {times['bitwise']:>11.2f} {ratio:>6.2f}")
    if 1 in found:
        print(f"Learner, one worker: {found[1]['learner']:.2f} ms")


def started(size: int, steps: int) -> dict[str, float]:
    """Start the workers and return what the first of them measured, ms per step."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(size)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    processes = []
    for rank in range(size):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        if size > 1:
            task = {"type": "worker", "index": rank}
            tf_config = {"cluster": {"worker": addresses}, "task": task}
            environment["TF_CONFIG"] = json.dumps(tf_config)
        command = [sys.executable, "-m", "bench.elastic", "--one", "--steps", str(steps)]
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE))
    outputs = [process.communicate()[0] for process in processes]
    told: dict[str, float] = json.loads(outputs[0].splitlines()[-1])
    return told


def measure(steps: int) -> dict[str, float]:
    """Train in each mode and return ms per step of the second round, when all is traced."""
    import keras
    import tensorflow as tf

    import trainer

    topology = trainer.read_tf_config(os.environ.get("TF_CONFIG"))
    strategy = trainer.open_strategy("auto", topology)
    line: trainer.Communicator = trainer.Alone()
    if topology.size > 1:
        line = trainer.CollectiveCommunicator(strategy, topology.rank, topology.size)
    settings = trainer.TrainSettings(epochs=1)
    dataset = batches(steps, topology)

    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        inputs = keras.Input((FEATURES,), name="x")
        hidden = keras.layers.Dense(HIDDEN, "relu")(inputs)
        hidden = keras.layers.Dropout(0.2)(keras.layers.Dense(HIDDEN, "relu")(hidden))
        model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden))
        model.compile(keras.optimizers.Adam(), "binary_crossentropy")
        return model

    def timed(train: Any, data: tf.data.Dataset) -> float:
        reports = [train(data, steps, None, settings) for _ in range(2)]
        parts = reports[1].seconds_by_part
        return 1e3 * (parts["step"] + parts["input"]) / steps

    found = {}
    for mode in ("numeric", "bitwise"):
        learner = trainer.ElasticLearner(build, strategy, line, 1, mode)
        found[mode] = timed(learner.train, dataset)
    if topology.size == 1:
        plain = dataset.map(lambda features, label, weight, _: (features, label, weight))
        found["learner"] = timed(trainer.Learner(build(), 1).train, plain)
    return found


def batches(steps: int, topology: Any) -> Any:
    """Own rows of each batch, in memory."""
    import tensorflow as tf

    rng = np.random.default_rng(1)
    x = rng.normal(size=(BATCH, FEATURES)).astype(np.float32)
    label = (x.sum(1) > 0).astype(np.float32)
    share = rng.integers(0, PARTITIONS, BATCH).astype(np.int32)
    at = np.flatnonzero(share % topology.size == topology.rank).astype(np.int32)
    place = {"rows": np.int32(BATCH), "at": at, "share": share[at]}
    element = ({"x": x[at]}, label[at], np.ones(len(at), np.float32), place)
    spec = tf.nest.map_structure(
        lambda a: tf.TensorSpec([None, *a.shape[1:]] if a.ndim else [], a.dtype), element
    )
    one = tf.data.Dataset.from_generator(lambda: iter([element]), output_signature=spec)
    return one.cache().repeat(steps)


if __name__ == "__main__":
    main()
