"""A round a class: its rows are learned, with rows of a history or without, augmented or not."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from examples.arrays import TOPIC
from examples.forgetting.stream import CLASSES, SCHEMA, SIDE, Digits
from ingest import (
    Augmentations,
    Balanced,
    History,
    Rows,
    Segments,
    Selection,
    Step,
    Uniform,
    make_augmentation,
    steps_per_epoch,
    training_dataset,
)
from trainer import Learner, TrainSettings

__all__ = ["ARMS", "Setting", "accuracies"]

SHAPE = [SIDE, SIDE, 1]
IMAGE = {"feature": "image", "shape": SHAPE, "fill": "constant"}
AUGMENT = Augmentations(
    (
        Step(make_augmentation("shift", {**IMAGE, "height": 0.1, "width": 0.1}), 0.8),
        Step(make_augmentation("rotate", {**IMAGE, "degrees": 12}), 0.8),
        Step(make_augmentation("zoom", {**IMAGE, "scale": [0.85, 1.2]}), 0.8),
    )
)
ARMS: dict[str, tuple[bool, bool]] = {
    "none": (False, False),
    "augmentation": (False, True),
    "history": (True, False),
    "history + augmentation": (True, True),
}
"""Whether there is a history, and whether rows are augmented."""


@dataclass(frozen=True)
class Setting:
    """Of a run; the defaults are those of the README.

    Attributes:
        classes: that come, one a round.
        kept: rows of the history, shared evenly among the classes so far.
        fresh: rows of the new class that are learned.
        epochs: of a round.
    """

    classes: int = CLASSES
    kept: int = 100
    fresh: int = 50
    epochs: int = 20


def accuracies(seed: int, digits: Digits, setting: Setting) -> dict[str, np.ndarray]:
    """float[classes] by arm: over the test rows of all classes so far, after each round."""
    return {name: _one_arm(*ARMS[name], digits, seed, setting) for name in ARMS}


def _one_arm(
    remembers: bool, augments: bool, digits: Digits, seed: int, setting: Setting
) -> np.ndarray:
    keras.utils.set_random_seed(seed)
    learner = Learner(_model(), seed)
    selection = Selection(setting.kept, seed, SCHEMA, Uniform(), Balanced.of(SCHEMA))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        history = History(selection, (TOPIC,), Segments(Path(folder)))
        for number, rows in enumerate(digits.learned[: setting.classes]):
            fresh = rows.take(np.arange(setting.fresh))
            trained = Rows.concat([fresh, history.sample()]) if remembers else fresh
            augment = AUGMENT if augments else None
            _train(learner, trained, augment, seed + number, setting.epochs)
            history.offer(rows)
            found.append(_accuracy(learner, Rows.concat(digits.tested[: number + 1])))
    return np.array(found)


def _train(
    learner: Learner, rows: Rows, augment: Augmentations | None, seed: int, epochs: int
) -> None:
    dataset = training_dataset(
        rows, SCHEMA, batch_size=32, epochs=epochs, seed=seed, augment=augment
    )
    settings = TrainSettings(epochs=epochs, unmonitored_epochs=epochs)
    learner.train(dataset, steps_per_epoch(len(rows), 32), None, settings, seed)


def _accuracy(learner: Learner, rows: Rows) -> float:
    predicted = learner.predict(rows.features(SCHEMA)).argmax(axis=1)
    return float((predicted == rows.labels(SCHEMA)).mean())


def _model() -> keras.Model:
    layers = keras.layers
    given = keras.Input((SIDE * SIDE,), name="image")
    found = layers.Reshape(SHAPE)(given)
    for filters in (8, 16):
        found = layers.Conv2D(filters, 3, padding="same", activation="relu")(found)
        found = layers.MaxPooling2D()(found)
    found = layers.Dense(64, activation="relu")(layers.Flatten()(found))
    model = keras.Model(given, layers.Dense(CLASSES, activation="softmax")(found))
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    return model
