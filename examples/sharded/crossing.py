"""What a train step does on each device, from the graphs that TensorFlow runs there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.eager import context

__all__ = ["OnDevice", "step_by_device"]


@dataclass(frozen=True)
class OnDevice:
    """A device's share of a train step.

    Attributes:
        device: Such as `CPU:1`.
        products: How many products of matrices it computes.
        sent: Names of the tensors that leave it.
    """

    device: str
    products: int
    sent: tuple[str, ...]


def step_by_device(model: keras.Model, batch: tuple[Any, Any]) -> list[OnDevice]:
    """Trace and run one train step of a compiled model, and look at its parts."""
    step = tf.function(lambda given: model.train_step(given), autograph=False)
    context.enable_graph_collection()
    step(tf.nest.map_structure(tf.constant, batch))
    collected = context.export_run_metadata()
    context.disable_graph_collection()
    whole = max(collected.function_graphs, key=lambda one: len(one.post_optimization_graph.node))
    found = []
    for part in whole.partition_graphs:
        sent = [node.name for node in part.node if node.op == "_Send"]
        one = OnDevice(
            device=part.node[0].device.rpartition("device:")[2],
            products=sum("MatMul" in node.op for node in part.node),
            # Not the signals that order what is done.
            sent=tuple(name for name in sent if not name.startswith("GroupCrossDevice")),
        )
        found.append(one)
    return sorted(found, key=lambda one: one.device)
