"""Datasets of what Python makes, which end with the last one who reads them, and with the process.

Python's end takes what is global apart while it lets no other thread run any more. An iterator
waits for its threads then, and one of these would wait in Python for ever. So all leave it before.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    from numpy.typing import NDArray

__all__ = ["from_function", "still_there"]

Kept = TypeVar("Kept")

KEEPER = "_py_funcs_used_in_graph"
"""TensorFlow's (2.21) list of the Python functions that graphs call, of the outermost graph."""
RECENT: deque[list[Any]] = deque(maxlen=4)
"""The functions of the last datasets: an iterator's thread may call one after its dataset."""
LIVE: weakref.WeakSet[Any] = weakref.WeakSet()
"""Datasets, some of which may be read."""
BUSY: set[int] = set()
"""Threads that are in Python just now."""
ENTRIES = [0]
"""How often one has come there."""
ENDING = threading.Event()
A_MOMENT_S = 0.005
AT_MOST_S = 2.0


def from_function(make: Callable[[int], Any], count: int, signature: Any) -> tf.data.Dataset:
    """The elements `make(0)`, `make(1)`, ..., `make(count - 1)`, made one after another.

    What `tf.data.Dataset.from_generator` does takes four functions of TensorFlow's, which are made
    ready when the first element is asked for, some 20 milliseconds; this takes one. TensorFlow
    keeps it until the process ends, and what it holds: a service makes some datasets a round, for
    years. Here the dataset holds it, and an iterator holds its dataset.

    Args:
        make: gives arrays, in the structure and of the dtypes of the signature.
        count: of elements.
        signature: `tf.TensorSpec`s of an element, in any structure.
    """
    import tensorflow as tf

    specs = tf.nest.flatten(signature)

    def flat(number: np.int64) -> list[NDArray[Any]]:
        return list(tf.nest.flatten(_outside_the_end(make, int(number))))

    def element(number: tf.Tensor) -> Any:
        made = tf.numpy_function(flat, [number], [spec.dtype for spec in specs])
        for tensor, spec in zip(made, specs, strict=True):
            tensor.set_shape(spec.shape)
        return tf.nest.pack_sequence_as(signature, made)

    graph = tf.compat.v1.get_default_graph()
    before = len(getattr(graph, KEEPER, ()))
    dataset = tf.data.Dataset.range(count).map(element)
    kept = getattr(graph, KEEPER, [])
    dataset.functions = kept[before:]
    RECENT.append(dataset.functions)
    del kept[before:]
    LIVE.add(dataset)
    return dataset


def still_there(kept: weakref.ref[Kept], name: str) -> Kept:
    """What a dataset keeps for its function, which has a weak reference to it.

    Args:
        kept: the reference.
        name: of the function that made the dataset.

    Raises:
        RuntimeError: there is no dataset any more.
    """
    found = kept()
    if found is None:
        raise RuntimeError(f"{name}: the dataset was dropped before it was read")
    return found


def _outside_the_end(make: Callable[[int], Any], number: int) -> Any:
    """An element.

    Raises:
        RuntimeError: the process ends; nobody sees it.
    """
    thread = threading.get_ident()
    BUSY.add(thread)
    ENTRIES[0] += 1
    try:
        if ENDING.is_set():
            raise RuntimeError("the process ends")
        return make(number)
    finally:
        BUSY.discard(thread)


@atexit.register
def _end() -> None:
    """Let threads leave Python, for good: an iterator reads on for a moment, and fails at once."""
    ENDING.set()
    deadline, before = time.monotonic() + AT_MOST_S, -1
    while LIVE and time.monotonic() < deadline:
        time.sleep(A_MOMENT_S)
        if not BUSY and ENTRIES[0] == before:
            break
        before = ENTRIES[0]


os.register_at_fork(after_in_child=BUSY.clear)  # its threads are not in the child
