"""`python -m examples.sharded.survey`: what the ways to shard a Keras model do, with their errors.

Each way is tried in a process of its own, on four virtual CPU devices: TensorFlow can be set up
only once in a process.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from examples.sharded.crossing import step_by_device

__all__ = ["main"]

DEVICES = 4
WIDE = 8
LONGEST = 300
ROWS = np.ones((8, 4), np.float32)
LABELS = np.ones((8, WIDE), np.float32)


def tried(title: str, attempt: Callable[[], object]) -> None:
    """Print what an attempt gives, or how it fails."""
    try:
        found = f"works: {attempt()}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is told
        found = f"fails: {type(error).__name__}: {shortened(str(error))}"
    print(f"  {title}\n      {found}", flush=True)


def shortened(text: str) -> str:
    """One line without colours, with what stands at the end if it is long."""
    line = " ".join(re.sub(r"\x1b\[\d*m", "", text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"


def make_model(layer: keras.layers.Layer, optimizer: Any = "adam") -> keras.Model:
    """One layer, compiled."""
    given = keras.Input((4,), name="x")
    model = keras.Model(given, layer(given))
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def fitted(model: keras.Model, **options: Any) -> str:
    """The loss after a fit."""
    losses = model.fit(ROWS, LABELS, epochs=2, verbose=0, **options).history["loss"]
    return f"fit, losses {losses[0]:.6g}, {losses[1]:.6g}"


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


def dtensor() -> None:
    """DTensor: a kernel laid out over four devices, inside a Keras layer."""
    from tensorflow.experimental import dtensor as dt

    from trainer.sharded import virtual_devices

    virtual_devices(DEVICES)
    dt.initialize_accelerator_system("CPU")
    mesh = dt.create_mesh([("model", DEVICES)], devices=[f"CPU:{n}" for n in range(DEVICES)])
    columns = dt.Layout([dt.UNSHARDED, "model"], mesh)
    start = np.random.default_rng(0).normal(size=(4, WIDE)).astype(np.float32)

    def everywhere(value: Any) -> Any:
        tensor = tf.convert_to_tensor(value)
        return dt.copy_to_mesh(tensor, dt.Layout.replicated(mesh, rank=tensor.shape.rank))

    class Sharded(keras.layers.Layer):
        def build(self, input_shape: tuple[int, ...]) -> None:
            self.kernel = self.add_weight(shape=(input_shape[-1], WIDE), name="kernel")
            # Keras makes ordinary variables only; this one is put in its place.
            self.kernel._value = dt.DVariable(dt.relayout(everywhere(start), columns))

        def call(self, inputs: Any) -> Any:
            return tf.matmul(inputs, self.kernel.value)

    def layer_alone() -> object:
        found = Sharded()(everywhere(ROWS))
        return [list(part.shape) for part in dt.unpack(found)]

    def second_loss(replace_slots: bool) -> str:
        layer = Sharded()
        layer.build((None, 4))
        optimizer = keras.optimizers.Adam(0.1)
        optimizer.build(layer.trainable_variables)
        for variable in optimizer.variables if replace_slots else ():
            value = everywhere(variable.value)
            laid = dt.relayout(value, columns) if variable.shape == (4, WIDE) else value
            variable._value = dt.DVariable(laid)
        rows, labels = everywhere(ROWS), everywhere(LABELS)

        @tf.function
        def step() -> Any:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(layer(rows) - labels))
            slopes = tape.gradient(loss, [layer.kernel.value])
            optimizer.apply_gradients(zip(slopes, layer.trainable_variables, strict=True))
            return loss

        losses = [float(step()), float(step())]
        return f"losses {losses[0]:.6g}, {losses[1]:.6g}"

    def whole() -> str:
        layer = keras.layers.Dense(WIDE, use_bias=False)
        model = make_model(layer, keras.optimizers.Adam(0.1))
        layer.kernel.assign(start)
        return fitted(model)

    def copied() -> object:
        layer = Sharded()
        layer.build((None, 4))
        return layer.kernel.numpy().shape

    tried("the layer, called with a tensor on the mesh: shapes of the parts", layer_alone)
    tried("fit", lambda: fitted(make_model(Sharded())))
    eager = make_model(Sharded())
    eager.run_eagerly = True
    tried("fit, run eagerly", lambda: fitted(eager))
    tried("for comparison: the same kernel in a whole layer", whole)
    tried("a loop of one's own, all slots put on the mesh by hand", lambda: second_loss(True))
    tried("the same, slots as Keras makes them", lambda: second_loss(False))
    tried("the kernel as an array, as for a checkpoint", copied)


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
