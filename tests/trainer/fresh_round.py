"""Trains one round in a process of its own: FOLDER holds KIND.npz per kind of model."""

import json
import sys
from pathlib import Path

import keras
import tensorflow as tf
from conftest import make_data, make_dataset, make_model

import trainer

EPOCHS = 4


@keras.saving.register_keras_serializable("tests")
class TensorFlowNoise(keras.layers.Layer):
    """Draws from TensorFlow's global seed, which no variable of the model holds."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return inputs + tf.random.normal(tf.shape(inputs), stddev=0.1) if training else inputs


@keras.saving.register_keras_serializable("tests")
class KerasNoise(keras.layers.Layer):
    """Draws from Keras's global seed generator."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return inputs + keras.random.normal(tf.shape(inputs), stddev=0.1) if training else inputs


KINDS = {
    "own_seeds": lambda hidden: keras.layers.BatchNormalization()(hidden),
    "tensorflow_noise": lambda hidden: TensorFlowNoise()(hidden),
    "keras_noise": lambda hidden: KerasNoise()(hidden),
}


def make_learner(kind: str, seed: int | None) -> trainer.Learner:
    if seed is not None:
        keras.utils.set_random_seed(seed)
    metrics = ["AUC"] if kind == "own_seeds" else None
    return trainer.Learner(make_model(noise=KINDS[kind], metrics=metrics), seed=1)


def train_round(
    learner: trainer.Learner, number: int, round_seed: int | None = None
) -> trainer.TrainReport:
    dataset, steps = make_dataset(make_data(500 + number, seed=number), EPOCHS)
    return learner.train(
        dataset,
        steps,
        (*make_data(150 + number, seed=100 + number), None),
        trainer.TrainSettings(epochs=EPOCHS, patience=1),
        round_seed=number if round_seed is None else round_seed,
    )


def main() -> None:
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    digests = {}
    for kind in sorted(KINDS, reverse=True):  # first one that needs seeds, which nobody has set
        learner = make_learner(kind, seed=None)
        trainer.load(learner.model, folder / f"{kind}.npz")
        train_round(learner, number)
        digests[kind] = trainer.digest(learner.model)
    print(json.dumps(digests))


if __name__ == "__main__":
    main()
