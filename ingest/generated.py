"""Datasets of generators that end with the last one who reads them."""

from __future__ import annotations

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
    dataset = tf.data.Dataset.from_generator(generator, output_signature=signature)
    kept = getattr(graph, KEEPER, [])
    dataset.functions = kept[before:]
    RECENT.append(dataset.functions)
    del kept[before:]
    return dataset
