"""Keras shares a stream's batches out among the replicas of a strategy."""

from __future__ import annotations

import subprocess
import sys

from tests.ingest.stream_samples import FIELDS, fill

TRAINING = f"""
import sys
import keras
import millstream
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    inputs = {{name: keras.Input((1,), name=name) for name in ("n", "half")}}
    joined = keras.layers.Concatenate()([keras.ops.cast(one, "float32") for one in inputs.values()])
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(joined))
    model.compile("sgd", "binary_crossentropy")
stream = millstream.dataset(
    sys.argv[2], schema={FIELDS!r}, label="odd", batch_size=16, bootstrap_servers=sys.argv[1],
    end="now",
)
model.fit(stream.map(lambda x, y: (x, tf.cast(y, "int32"))), verbose=0)  # no sum of bools
steps = int(model.optimizer.iterations.numpy())
print(strategy.num_replicas_in_sync, steps, stream.state().is_finished)
"""


def test_two_replicas_train_on_a_stream(kafka, topic: str) -> None:
    fill(kafka.bootstrap_servers, topic)
    command = [sys.executable, "-c", TRAINING, kafka.bootstrap_servers, topic]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    replicas, steps, finished = ended.stdout.split()
    assert (replicas, finished) == ("2", "True")
    assert int(steps) > 0
