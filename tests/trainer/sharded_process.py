"""Goes on from CHECKPOINT on DEVICES virtual devices; prints where all is, as JSON."""

import json
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf
from sharded_models import make_model, make_rows, train_round
from tensorflow.python.eager import context

import trainer
from trainer.sharded import bytes_by_device, devices, virtual_devices


def devices_of_step(learner: trainer.Learner) -> list[dict[str, Any]]:
    """What one train step does on each device, from the graphs that TensorFlow runs there.

    Of each: multiplications of matrices, and the names of all that goes to other devices.
    """
    data = make_rows(16)
    batch = ({name: tf.constant(v) for name, v in data.features.items()}, tf.constant(data.labels))
    step = tf.function(lambda given: learner.model.train_step(given), autograph=False)
    context.enable_graph_collection()
    step(batch)
    collected = context.export_run_metadata()
    context.disable_graph_collection()
    graph = max(collected.function_graphs, key=lambda one: len(one.post_optimization_graph.node))
    found = []
    for part in graph.partition_graphs:
        products = sum("MatMul" in node.op for node in part.node)
        sent = [node.name for node in part.node if node.op == "_Send"]
        device = part.node[0].device.rpartition("device:")[2]
        found.append({"device": device, "products": products, "sent": sent})
    return sorted(found, key=lambda one: one["device"])


def main() -> None:
    count = int(sys.argv[1])
    virtual_devices(count)
    tf.config.set_soft_device_placement(False)
    learner = trainer.Learner(make_model(sharded=True))
    loaded = trainer.load(learner.model, Path(sys.argv[2]))
    train_round(learner, 2)
    told = {
        "loaded": loaded,
        "digest": trainer.digest(learner.model),
        "devices": devices(),
        "bytes": bytes_by_device(learner.model),
        "step": devices_of_step(learner),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
