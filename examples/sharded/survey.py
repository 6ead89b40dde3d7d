"""`python -m examples.sharded.survey`: what the ways to shard a Keras model do, with their errors.

Each way is tried in a process of its own, on four virtual CPU devices: TensorFlow can be set up
only once in a process.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import Any

import keras
import tensorflow as tf

from examples.sharded.crossing import step_by_device
from examples.sharded.on_dtensor import dtensor
from examples.sharded.trials import DEVICES, LABELS, ROWS, WIDE, fitted, make_model, tried

__all__ = ["main"]


def placed() -> None:
    """Layers of this package: a variable for each part, on its device."""
    from trainer.sharded import ShardedDense, bytes_by_device, update_in_place, virtual_devices

    virtual_devices(DEVICES)
    model = make_model(ShardedDense(WIDE, DEVICES))
    update_in_place(model)
    tried("fit", lambda: fitted(model))
    tried("bytes by device", lambda: bytes_by_device(model))


def optimizers() -> None:
    """Optimizers: how many tensors leave the second device in a step; one is its output."""
    from trainer.sharded import ShardedDense, update_in_place, virtual_devices

    virtual_devices(DEVICES)
    makers = {
        "SGD, momentum": lambda: keras.optimizers.SGD(momentum=0.9),
        "Adam": keras.optimizers.Adam,
        "AdamW": keras.optimizers.AdamW,
        "RMSprop": keras.optimizers.RMSprop,
        "Adagrad": keras.optimizers.Adagrad,
        "Lion": keras.optimizers.Lion,
        "Lamb": keras.optimizers.Lamb,
        "Muon": keras.optimizers.Muon,
        "Adafactor": keras.optimizers.Adafactor,
        "Adam, clipvalue": lambda: keras.optimizers.Adam(clipvalue=1.0),
        "Adam, global_clipnorm": lambda: keras.optimizers.Adam(global_clipnorm=1.0),
        "Adam, gradient_accumulation_steps": lambda: keras.optimizers.Adam(
            gradient_accumulation_steps=2
        ),
        "Adam, use_ema": lambda: keras.optimizers.Adam(use_ema=True),
        "Adam, LossScaleOptimizer": lambda: keras.optimizers.LossScaleOptimizer(
            keras.optimizers.Adam()
        ),
    }
    for name, make in makers.items():
        counts = []
        for in_place in (True, False):
            model = make_model(ShardedDense(WIDE, DEVICES), make())
            if in_place:
                update_in_place(model)
            model.optimizer.build(model.trainable_variables)
            counts.append(len(step_by_device(model, (ROWS, LABELS))[1].sent))
        print(f"  {name:<34} {counts[0]:>3}   (without update_in_place {counts[1]})", flush=True)


def distribution() -> None:
    """keras.distribution.ModelParallel, kernels laid out over four devices."""
    from trainer.sharded import bytes_by_device, virtual_devices

    virtual_devices(DEVICES)
    names = [f"cpu:{number}" for number in range(DEVICES)]
    mesh = keras.distribution.DeviceMesh((1, DEVICES), ("batch", "model"), names)
    layout = keras.distribution.LayoutMap(mesh)
    layout[".*kernel"] = (None, "model")
    layout[".*bias"] = ("model",)
    parallel = keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch")
    keras.distribution.set_distribution(parallel)
    model = make_model(keras.layers.Dense(WIDE))
    tried("fit", lambda: fitted(model))
    tried("bytes by device", lambda: bytes_by_device(model))


def parameter_server() -> None:
    """ParameterServerStrategy with one worker and two servers, variables cut in two."""
    spec = {"worker": [_address()], "ps": [_address(), _address()]}
    cluster = tf.train.ClusterSpec(spec)
    servers = [
        tf.distribute.Server(cluster, job_name=job, task_index=task, protocol="grpc")
        for job, addresses in spec.items()
        for task in range(len(addresses))
    ]
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(cluster, rpc_layer="grpc")
    cut = tf.distribute.experimental.partitioners.FixedShardsPartitioner(2)
    strategy = tf.distribute.ParameterServerStrategy(resolver, variable_partitioner=cut)
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
    with strategy.scope():
        model = make_model(keras.layers.Dense(WIDE))
    kinds = [type(variable.value).__name__ for variable in model.trainable_variables]
    print(f"  {len(servers)} servers; variables of the model: {kinds}")

    def batches(*_: object) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensors((ROWS, LABELS)).repeat()

    def scheduled() -> object:
        iterator = iter(coordinator.create_per_worker_dataset(batches))

        @tf.function
        def step(batch: Any) -> Any:
            return strategy.run(lambda given: model.train_step(given), args=(next(batch),))

        found = coordinator.schedule(step, args=(iterator,))
        coordinator.join()
        return found.fetch()

    tried("fit with arrays", lambda: fitted(model))
    each = coordinator.create_per_worker_dataset(batches)
    tried("fit with a dataset of each worker", lambda: model.fit(each, steps_per_epoch=2))
    tried("Keras's train step, scheduled by hand", scheduled)
    sys.stdout.flush()
    os._exit(0)  # its servers cannot be stopped


WAYS = {
    "placed": placed,
    "optimizers": optimizers,
    "dtensor": dtensor,
    "distribution": distribution,
    "parameter_server": parameter_server,
}


def _address() -> str:
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        return f"localhost:{listening.getsockname()[1]}"


def main(arguments: list[str]) -> None:
    """Try the way that is named, or each in a process of its own."""
    if arguments:
        WAYS[arguments[0]]()
        return
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {DEVICES} virtual CPU devices")
    for name, way in WAYS.items():
        print(f"\n{(way.__doc__ or '').strip()}", flush=True)
        command = [sys.executable, "-m", "examples.sharded.survey", name]
        subprocess.run(command, stderr=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
