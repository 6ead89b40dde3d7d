"""The devices of this machine that the parts of a sharded layer are placed on."""

from __future__ import annotations

import keras
import tensorflow as tf

from trainer.errors import SettingsError
from trainer.variables import trained_variables

__all__ = ["HOST", "bytes_by_device", "device_of", "devices", "virtual_devices"]

HOST = "/device:CPU:0"


def virtual_devices(count: int) -> None:
    """Split the processor into `count` devices, so that sharded layers can be tried without GPUs.

    They share the machine's memory and cores: nothing becomes larger or faster by it. To be called
    before TensorFlow does anything, such as at the top of the model's file; again with the same
    number it does nothing.

    Raises:
        SettingsError: The number is below 1, or TensorFlow runs already with another number.
    """
    place = f"virtual_devices({count})"
    if count < 1:
        raise SettingsError(
            place,
            expected="1 device or more",
            got=str(count),
            mend="give as many as there are parts",
        )
    processor = tf.config.list_physical_devices("CPU")[0]
    split = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    try:
        tf.config.set_logical_device_configuration(processor, split)
    except RuntimeError as error:
        running = len(tf.config.list_logical_devices("CPU"))
        if running == count:
            return
        raise SettingsError(
            place,
            expected="a call before TensorFlow's first operation",
            got=f"a TensorFlow that runs with {running} already",
            mend="call it at the top of the model's file, or first of all in the program",
        ) from error


def devices() -> tuple[str, ...]:
    """Return the names of the devices that parts go to: the GPUs, or else the processor's."""
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tuple(device.name for device in found)


def device_of(part: int) -> str:
    """Return the name of the device of a layer's part: dealt out in turn, so any number will do."""
    every = devices()
    return every[part % len(every)]


def bytes_by_device(model: keras.Model) -> dict[str, int]:
    """Return how many bytes of a model and its optimizer each device holds, such as `GPU:1`.

    All that training changes is counted: weights, slots, seeds. What a step needs besides, such as
    activations and gradients, is not. The optimizer is built if it was not.
    """
    held: dict[str, int] = {}
    for _, variable in trained_variables(model):
        value = variable.value
        name = str(value.device).rpartition("device:")[2]
        held[name] = held.get(name, 0) + value.shape.num_elements() * value.dtype.size
    return dict(sorted(held.items()))
