"""Models that several workers cannot train, and what they must be told."""

from collections.abc import Callable
from typing import Any

import elastic_cases as cases
import keras
import tensorflow as tf

numeric, bitwise = "numeric", "bitwise"


class Counting(keras.layers.Layer):
    """Counts its calls, in a state that depends on nothing but them."""

    def build(self, _: Any) -> None:
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs: Any) -> Any:
        self.calls.assign(self.calls + 1)
        return inputs


class Shuffling(keras.layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, inputs: Any, training: bool = False) -> Any:
        return keras.random.shuffle(inputs, seed=self.seed_generator) if training else inputs


class Unseeded(keras.layers.Layer):
    def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs + keras.random.normal(keras.ops.shape(inputs)) if training else inputs


class OfTensorFlow(keras.layers.Layer):
    def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs + tf.random.normal(tf.shape(inputs)) if training else inputs


class Own(keras.Model):
    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


def own_step() -> keras.Model:
    plain = cases.make_model()
    model = Own(plain.inputs, plain.outputs)
    model.compile("adam", "binary_crossentropy")
    return model


def whole_batch(labels: Any, outputs: Any) -> Any:
    return keras.ops.mean(keras.ops.square(outputs - keras.ops.cast(labels, outputs.dtype)))


def with_layer(layer: Callable[[], keras.layers.Layer], loss: Any = "mse") -> Any:
    def build() -> keras.Model:
        inputs = keras.Input((1,), name="amount")
        model = keras.Model(inputs, keras.layers.Dense(1)(layer()(inputs)))
        model.compile("sgd", loss)
        return model

    return build


def with_loss(loss: Any) -> Callable[[], keras.Model]:
    return with_layer(lambda: keras.layers.Dense(1), loss)


def averaging() -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(gradient_accumulation_steps=2, use_ema=True)


def scaling() -> keras.optimizers.Optimizer:
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())


MODELS: dict[str, Callable[[], keras.Model]] = {
    "activity": with_layer(lambda: keras.layers.Dense(4, activity_regularizer="l2")),
    "counting": with_layer(Counting),
    "shuffling": with_layer(Shuffling),
    "unseeded": with_layer(Unseeded),
    "tensorflow": with_layer(OfTensorFlow),
    "whole batch": with_loss(whole_batch),
    "no reduction": with_loss(keras.losses.BinaryCrossentropy(reduction=None)),
    "by weight": with_loss(cases.by_weight()),
    "normalization": with_layer(keras.layers.BatchNormalization),
}
AT_ONCE: dict[str, tuple[str, Callable[[], keras.Model]]] = {
    "own step": (numeric, own_step),
    "eager": (numeric, lambda: cases.make_model(run_eagerly=True)),
    "averaging": (bitwise, lambda: cases.make_model(optimizer=averaging)),
    "scaling": (numeric, lambda: cases.make_model(optimizer=scaling)),
}
TOLD = {
    "activity": "an activity_regularizer, or a layer that calls add_loss",
    "counting": 'a layer that changes "counting/',
    "shuffling": "random numbers that are not drawn row by row, such as a shuffle",
    "unseeded": "draws from Keras's global seed",
    "tensorflow": "random numbers from seeds that the model holds",
    "whole batch": "expected a number for each row",
    "no reduction": "expected a reduction that workers can add up",
    "by weight": 'got reduction="mean_with_sample_weight"',
    "normalization": "frozen BatchNormalization",
    "own step": "Own.train_step",
    "eager": "run_eagerly=True",
    "averaging": "gradient_accumulation_steps=2 and use_ema=True",
    "scaling": "use mixed_bfloat16",
}
