"""DTensor, with a kernel that is laid out over four devices inside a Keras layer."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.experimental import dtensor as dt

from examples.sharded.trials import DEVICES, LABELS, ROWS, WIDE, fitted, make_model, tried

__all__ = ["dtensor"]

START = np.random.default_rng(0).normal(size=(4, WIDE)).astype(np.float32)


class Mesh:
    """Four devices in a row, and how a kernel's columns lie on them."""

    def __init__(self) -> None:
        devices = [f"CPU:{number}" for number in range(DEVICES)]
        self.mesh = dt.create_mesh([("model", DEVICES)], devices=devices)
        self.columns = dt.Layout([dt.UNSHARDED, "model"], self.mesh)

    def everywhere(self, value: Any) -> Any:
        """A value, whole on each device."""
        tensor = tf.convert_to_tensor(value)
        return dt.copy_to_mesh(tensor, dt.Layout.replicated(self.mesh, rank=tensor.shape.rank))

    def spread(self, value: Any) -> Any:
        """A kernel, some columns on each device."""
        return dt.relayout(self.everywhere(value), self.columns)


class Sharded(keras.layers.Layer):
    """A dense layer whose kernel lies on a mesh."""

    def __init__(self, mesh: Mesh) -> None:
        super().__init__()
        self._mesh = mesh

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], WIDE), name="kernel")
        # Keras makes ordinary variables only; this one is put in its place.
        self.kernel._value = dt.DVariable(self._mesh.spread(START))

    def call(self, inputs: Any) -> Any:
        return tf.matmul(inputs, self.kernel.value)


def dtensor() -> None:
    """DTensor: a kernel laid out over four devices, inside a Keras layer."""
    from trainer.sharded import virtual_devices

    virtual_devices(DEVICES)
    dt.initialize_accelerator_system("CPU")
    mesh = Mesh()
    tried(
        "the layer, called with a tensor on the mesh: shapes of the parts",
        lambda: [list(part.shape) for part in dt.unpack(Sharded(mesh)(mesh.everywhere(ROWS)))],
    )
    tried("fit", lambda: fitted(make_model(Sharded(mesh))))
    eager = make_model(Sharded(mesh))
    eager.run_eagerly = True
    tried("fit, run eagerly", lambda: fitted(eager))
    tried("for comparison: the same kernel in a whole layer", whole)
    tried("a loop of one's own, all slots put on the mesh by hand", lambda: losses(mesh, True))
    tried("the same, slots as Keras makes them", lambda: losses(mesh, False))
    tried("the kernel as an array, as for a checkpoint", lambda: kernel_of(mesh).numpy().shape)


def kernel_of(mesh: Mesh) -> keras.Variable:
    """The kernel of a layer that is built."""
    layer = Sharded(mesh)
    layer.build((None, 4))
    return layer.kernel


def whole() -> str:
    """The losses of a plain layer with the same kernel."""
    layer = keras.layers.Dense(WIDE, use_bias=False)
    model = make_model(layer, keras.optimizers.Adam(0.1))
    layer.kernel.assign(START)
    return fitted(model)


def losses(mesh: Mesh, replace_slots: bool) -> str:
    """The losses of two steps in a loop of one's own."""
    layer = Sharded(mesh)
    layer.build((None, 4))
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(layer.trainable_variables)
    for variable in optimizer.variables if replace_slots else ():
        put = mesh.spread if variable.shape == (4, WIDE) else mesh.everywhere
        variable._value = dt.DVariable(put(variable.value))
    rows, labels = mesh.everywhere(ROWS), mesh.everywhere(LABELS)

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(rows) - labels))
        slopes = tape.gradient(loss, [layer.kernel.value])
        optimizer.apply_gradients(zip(slopes, layer.trainable_variables, strict=True))
        return loss

    found = [float(step()), float(step())]
    return f"losses {found[0]:.6g}, {found[1]:.6g}"
