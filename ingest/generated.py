"""Datasets of generators that end with the last one who reads them, and with the process.

Python's end takes what is global apart while it lets no other thread run any more. An iterator
waits for its threads then, and one of these would wait in a generator for ever. So generators end
before that.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["from_generator"]

KEEPER = "_py_funcs_used_in_graph"
"""TensorFlow's (2.21) list of the Python functions that graphs call, of the outermost graph."""
RECENT: deque[list[Any]] = deque(maxlen=4)
"""The functions of the last datasets: an iterator calls one at its end, maybe after its dataset."""

LIVE: weakref.WeakSet[Any] = weakref.WeakSet()
"""Datasets, some of which may be read."""
BUSY: set[int] = set()
"""Ids of generators that make an element just now."""
ENDING = threading.Event()
A_MOMENT_S = 0.005
AT_MOST_S = 2.0


def from_generator(generator: Callable[[], Iterator[Any]], signature: Any) -> tf.data.Dataset:
    """`tf.data.Dataset.from_generator`, without what TensorFlow then keeps until the process ends.

    It keeps three functions for each dataset, and what they hold: a service makes some datasets a
    round, for years. Here the dataset holds them, and an iterator holds its dataset.

    Args:
        generator: of the elements.
        signature: of an element.
    """
    import tensorflow as tf

    graph = tf.compat.v1.get_default_graph()
    before = len(getattr(graph, KEEPER, ()))
    dataset = tf.data.Dataset.from_generator(_until_the_end(generator), output_signature=signature)
    LIVE.add(dataset)
    kept = getattr(graph, KEEPER, [])
    dataset.functions = kept[before:]
    RECENT.append(dataset.functions)
    del kept[before:]
    return dataset


def _until_the_end(generator: Callable[[], Iterator[Any]]) -> Callable[[], Iterator[Any]]:
    """The same elements, and none any more once the process ends."""

    def elements() -> Iterator[Any]:
        source = generator()
        while not ENDING.is_set():
            BUSY.add(id(source))
            try:
                element = next(source)
            except StopIteration:
                return
            finally:
                BUSY.discard(id(source))
            yield element

    return elements


@atexit.register
def _end() -> None:
    """Let threads leave their generators, for good."""
    ENDING.set()
    deadline = time.monotonic() + AT_MOST_S
    while LIVE and time.monotonic() < deadline:
        time.sleep(A_MOMENT_S)
        if not BUSY:
            break
