"""Collectives that are the same ones each time, so that TensorFlow notes them once."""

from collections.abc import Iterator
from contextlib import contextmanager

from tensorflow.python.distribute import cross_device_utils

__all__ = ["lasting_keys"]


@contextmanager
def lasting_keys() -> Iterator[None]:
    """Give collectives that are traced in the body keys for good, not new ones with each call.

    TensorFlow (2.21) keeps what it knows of a collective by its key until the process ends, about
    a kilobyte and a half, and counts the keys up with each call of a function: a worker that talks
    to others all the time grows without end. A key for good takes tensors of one shape only, and
    all workers must trace their functions in the same order.
    """
    launcher = cross_device_utils.CollectiveReplicaLauncher
    before = launcher._prefer_unique_instance_key
    launcher._prefer_unique_instance_key = False
    try:
        yield
    finally:
        launcher._prefer_unique_instance_key = before
