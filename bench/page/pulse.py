"""A callback that notes how many batches were trained by when; a copy is a file of the project."""

import struct
import time
from pathlib import Path

import keras

FILE = Path("pulse.bin")


class Pulse(keras.callbacks.Callback):
    """Appends two numbers after each group of batches: the optimizer's steps, and the time."""

    run_on = "chief"

    def on_train_begin(self, logs=None):  # noqa: ARG002
        self._file = FILE.open("ab", buffering=0)

    def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
        steps = int(self.model.optimizer.iterations)
        self._file.write(struct.pack("<qd", steps, time.monotonic()))


def make():
    """What the configuration names."""
    return Pulse()
