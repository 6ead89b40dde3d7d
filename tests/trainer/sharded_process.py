"""Goes on from CHECKPOINT on DEVICES virtual devices; prints where all is, as JSON."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sharded_models import SHARDS, make_model, make_rows, train_round

import trainer
from examples.sharded.crossing import step_by_device
from trainer.sharded import bytes_by_device, devices, virtual_devices


def make_dense() -> tuple[keras.Model, tuple[np.ndarray, np.ndarray]]:
    """A model without a table, and a batch of it."""
    parts = [keras.Input((4,)), keras.layers.Dense(6), trainer.ShardedDense(8, SHARDS)]
    model = keras.Sequential(parts)
    model.compile("adam", "mse")
    trainer.update_in_place(model)
    return model, (np.ones((5, 4), np.float32), np.ones((5, 8), np.float32))


def main() -> None:
    count = int(sys.argv[1])
    virtual_devices(count)
    tf.config.set_soft_device_placement(False)
    learner = trainer.Learner(make_model(sharded=True))
    loaded = trainer.load(learner.model, Path(sys.argv[2]))
    train_round(learner, 2)
    data = make_rows(16)
    batch = (dict(data.features), data.labels)
    told = {
        "loaded": loaded,
        "digest": trainer.digest(learner.model),
        "devices": devices(),
        "bytes": bytes_by_device(learner.model),
        "step": [asdict(one) for one in step_by_device(learner.model, batch)],
        "dense": [asdict(one) for one in step_by_device(*make_dense())],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
