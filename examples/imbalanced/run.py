"""Test, then train: each round is predicted as a whole, then a small sample of it is learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from sklearn.metrics import average_precision_score, log_loss

from examples.arrays import TOPIC
from examples.imbalanced.stream import CATEGORIES, NUMBERS, SCHEMA
from ingest import (
    Allocation,
    Balanced,
    BottomK,
    Rows,
    Selection,
    Uniform,
    steps_per_epoch,
    training_dataset,
)
from trainer import Learner, TrainSettings

__all__ = ["ARMS", "Setting", "scores"]

ARMS: dict[str, tuple[Allocation | None, bool]] = {
    "uniform": (None, False),
    "balanced": (Balanced.of(SCHEMA), False),
    "balanced, weighted": (Balanced.of(SCHEMA), True),
}
"""How places are shared, and whether a row weighs what it stands for."""


@dataclass(frozen=True)
class Setting:
    """Of a run; the defaults are those of the README.

    Attributes:
        rounds: into which the stream is cut.
        sampled: rows of a round that are learned.
        epochs: of a round.
    """

    rounds: int = 12
    sampled: int = 1_000
    epochs: int = 8


def scores(seed: int, stream: Sequence[Rows], setting: Setting) -> dict[str, np.ndarray]:
    """float[2, rounds - 1] by arm: average precision and log loss of each round but the first."""
    return {name: _one_arm(*ARMS[name], stream, seed, setting) for name in ARMS}


def _one_arm(
    allocation: Allocation | None,
    weighted: bool,
    stream: Sequence[Rows],
    seed: int,
    setting: Setting,
) -> np.ndarray:
    keras.utils.set_random_seed(seed)
    learner = Learner(_model(), seed)
    found = []
    for number, rows in enumerate(stream):
        if number:
            predicted = learner.predict(rows.features(SCHEMA)).astype(np.float64)
            late = rows.labels(SCHEMA)
            found.append((average_precision_score(late, predicted), log_loss(late, predicted)))
        selection = Selection(setting.sampled, seed, SCHEMA, Uniform(), allocation)
        sampler = BottomK(selection, (TOPIC,))
        sampler.offer(rows)
        # What a row stands for, with a mean of 1 so that the steps are as long as without.
        weights = sampler.weights() / sampler.weights().mean() if weighted else None
        _train(learner, sampler.sample(), weights, seed + number, setting.epochs)
    return np.array(found).T


def _train(
    learner: Learner, rows: Rows, weights: np.ndarray | None, seed: int, epochs: int
) -> None:
    dataset = training_dataset(
        rows, SCHEMA, batch_size=64, epochs=epochs, seed=seed, weights=weights
    )
    settings = TrainSettings(epochs=epochs, unmonitored_epochs=epochs)
    learner.train(dataset, steps_per_epoch(len(rows), 64), None, settings, seed)


def _model() -> keras.Model:
    layers = keras.layers
    numbers = keras.Input((len(NUMBERS),), name="numbers")
    words = {name: keras.Input((1,), name=name, dtype="int32") for name in CATEGORIES}
    embedded = [
        layers.Flatten()(layers.Embedding(size + 1, 4)(words[name]))
        for name, size in CATEGORIES.items()
    ]
    hidden = layers.Concatenate()([numbers, *embedded])
    hidden = layers.Dense(32, activation="relu")(hidden)
    hidden = layers.Dropout(0.2)(hidden)
    late = layers.Dense(1, activation="sigmoid")(hidden)
    model = keras.Model({"numbers": numbers, **words}, late)
    model.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy")
    return model
