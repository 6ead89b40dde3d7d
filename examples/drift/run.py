"""Test, then train: each round is first predicted, then learned with rows of a history."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from examples.arrays import TOPIC
from examples.drift.stream import RANGES, SCHEMA, rounds_of
from ingest import (
    History,
    Recent,
    Rows,
    Segments,
    Selection,
    Uniform,
    Weighting,
    steps_per_epoch,
    training_dataset,
)
from trainer import Learner, TrainSettings

__all__ = ["ARMS", "Setting", "accuracies"]

ARMS: dict[str, Weighting | None] = {
    "no history": None,
    "uniform history": Uniform(),
    "recent history": Recent(records=250),
}


@dataclass(frozen=True)
class Setting:
    """Of a run; the defaults are those of the README.

    Attributes:
        rounds: how many.
        size: records of a round.
        drift_at: the round from which on another rule holds.
        kept: rows of a history.
        recalled: rows of it that are mixed into a round.
        epochs: of a round that is learned with a history; without one there are so many more that
            as many rows are learned from.
    """

    rounds: int = 24
    size: int = 250
    drift_at: int = 12
    kept: int = 1_000
    recalled: int = 500
    epochs: int = 6


def accuracies(seed: int, setting: Setting) -> dict[str, np.ndarray]:
    """float[rounds] by arm: of each round, before anything of it was learned."""
    stream = list(rounds_of(seed, setting.rounds, setting.size, setting.drift_at))
    return {name: _one_arm(ARMS[name], stream, seed, setting) for name in ARMS}


def _one_arm(
    weighting: Weighting | None, stream: list[Rows], seed: int, setting: Setting
) -> np.ndarray:
    keras.utils.set_random_seed(seed)
    learner = Learner(_model(), seed)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        history = None
        if weighting is not None:
            selection = Selection(setting.kept, seed, SCHEMA, weighting)
            history = History(selection, (TOPIC,), Segments(Path(folder)))
        for number, rows in enumerate(stream):
            predicted = learner.predict(rows.features(SCHEMA)) > 0.5
            found.append((predicted == rows.labels(SCHEMA)).mean())
            trained = rows
            if history is not None:
                recalled, _ = history.recall(setting.recalled, seed, epoch=number)
                trained = Rows.concat([rows, recalled])
                history.offer(rows)
            epochs = setting.epochs * (setting.size + setting.recalled) // len(trained)
            _train(learner, trained, seed + number, epochs)
    return np.array(found)


def _train(learner: Learner, rows: Rows, seed: int, epochs: int) -> None:
    dataset = training_dataset(rows, SCHEMA, batch_size=64, epochs=epochs, seed=seed)
    settings = TrainSettings(epochs=epochs, unmonitored_epochs=epochs)
    learner.train(dataset, steps_per_epoch(len(rows), 64), None, settings, seed)


def _model() -> keras.Model:
    given = keras.Input((len(RANGES),), name="applicant")
    hidden = keras.layers.Dense(32, activation="relu")(given)
    hidden = keras.layers.Dense(32, activation="relu")(hidden)
    model = keras.Model(given, keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy")
    return model
