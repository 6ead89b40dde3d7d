"""What a GPU must do beside what all tests say; `make test-gpu` runs them where there is one."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import Data, make_data, make_dataset, make_model

import trainer

GPUS = tf.config.get_visible_devices("GPU")
STRATEGIES = ("auto", "single", "mirrored")

pytestmark = pytest.mark.skipif(not GPUS, reason="there is no GPU, or it is hidden")


@pytest.fixture(autouse=True)
def _float32():
    yield
    keras.config.set_dtype_policy("float32")


def make_image_model(policy: str, pooling: type[keras.layers.Layer]) -> keras.Model:
    """Of layers whose gradients GPUs are known to add up in any order, if they are let."""
    keras.config.set_dtype_policy(policy)
    image = keras.Input((12, 12, 3), name="image")
    word = keras.Input((4,), name="word", dtype="int32")
    hidden = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.DepthwiseConv2D(3, padding="same")(hidden)
    hidden = pooling(2)(hidden)
    words = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(50, 6)(word))
    hidden = keras.layers.Concatenate()([keras.layers.Flatten()(hidden), words])
    hidden = keras.layers.Dropout(0.2, seed=1)(keras.layers.Dense(16, activation="relu")(hidden))
    output = keras.layers.Dense(3, activation="softmax", dtype="float32")(hidden)
    model = keras.Model({"image": image, "word": word}, output)
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    return model


def make_images(rows: int) -> Data:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, rows).astype(np.int32)
    images = rng.random((rows, 12, 12, 3), np.float32) + labels[:, None, None, None]
    words = rng.integers(0, 50, (rows, 4)).astype(np.int32)
    return Data({"image": images, "word": words}, labels)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_model_lies_on_the_gpu(name: str) -> None:
    strategy = trainer.open_strategy(name)
    with strategy.scope():
        model = make_model()
    assert {"GPU:" in weight.value.device for weight in model.weights} == {True}


def test_memory_is_taken_as_it_is_needed() -> None:
    """In a process that has not yet begun to use it."""
    script = """
import tensorflow as tf, trainer
trainer.open_strategy("auto")
print(*map(tf.config.experimental.get_memory_growth, tf.config.list_physical_devices("GPU")))
"""
    rest = {k: v for k, v in os.environ.items() if k != "TF_FORCE_GPU_ALLOW_GROWTH"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, env=rest, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.split() == ["True"] * len(GPUS), done.stderr


@pytest.mark.parametrize(
    ("xla", "pooling"),
    [
        (False, keras.layers.MaxPooling2D),
        (True, keras.layers.AveragePooling2D),  # XLA's MaxPooling2D is refused: not deterministic
    ],
)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_round_on_the_gpu_gives_the_same_bits_again(
    tmp_path: Path, policy: str, xla: bool, pooling: type[keras.layers.Layer]
) -> None:
    digests = set()
    rows = make_images(700)
    for _ in range(3):
        trainer.open_strategy("auto")
        learner = trainer.Learner(make_image_model(policy, pooling), seed=5, xla=xla)
        path = tmp_path / "first.npz"
        if not path.exists():
            trainer.save(learner.model, path)
        trainer.load(learner.model, path)
        dataset, steps = make_dataset(rows, 3)
        report = learner.train(dataset, steps, (*rows, None), trainer.TrainSettings(epochs=3))
        digests.add(trainer.digest(learner.model))
        losses = report.history["loss"]
        assert losses[-1] < losses[0]
    assert len(digests) == 1


def test_what_the_gpu_learns_the_processor_would_have() -> None:
    features, labels = make_data(2000)
    losses = []
    for device in ("/gpu:0", "/cpu:0"):
        keras.utils.set_random_seed(11)
        with tf.device(device):
            learner = trainer.Learner(make_model(), seed=5)
            dataset, steps = make_dataset(make_data(2000), 4)
            settings = trainer.TrainSettings(epochs=4, monitor="loss")
            report = learner.train(dataset, steps, None, settings)
        assert report.history["loss"][-1] < report.history["loss"][0]
        losses.append(learner.model.evaluate(features, labels, verbose=0, return_dict=True)["loss"])
    assert losses[0] == pytest.approx(losses[1], abs=2e-3)
