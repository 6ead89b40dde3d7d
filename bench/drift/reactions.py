"""Synthetic drifts, one for each reaction: the error after a round with the reaction and without.

A small network learns labels that a noisy rule gives to eight numbers. The drift is another rule,
and each drift is of the kind that its reaction is for. The error is the share of wrong labels on
4,000 new rows after the round, which has no validation rows and five epochs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

import trainer
from millstream.drift.reaction import Reaction
from trainer.variables import put, take

FEATURES, BATCH, EPOCHS, NOISE = 8, 64, 5, 0.05
HOUR_MS = 3_600_000


class Rows(NamedTuple):
    """x float32[n, 8] and labels int32[n]."""

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """Errors after the round: with the reaction, and without."""

    reacting: float
    without: float


def rows_of(rule: int, count: int, seed: int, turned: bool = False) -> Rows:
    """Rows whose labels a rule gives, of which a few are wrong."""
    weights = np.random.default_rng(100 + rule).normal(size=FEATURES)
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, FEATURES)).astype(np.float32)
    truth = (x @ weights + x[:, 0] * x[:, 1] > 0) != turned
    return Rows(x, (truth ^ (random.random(count) < NOISE)).astype(np.int32))


def build(schedule: bool = False) -> keras.Model:
    """The untrained network; with a schedule the learning rate halves every 100 steps."""
    keras.utils.set_random_seed(1)
    rate: float | keras.optimizers.schedules.LearningRateSchedule = 3e-3
    if schedule:
        rate = keras.optimizers.schedules.ExponentialDecay(1e-2, 100, 0.5)
    given = keras.Input((FEATURES,), name="x")
    hidden = keras.layers.Dense(32, activation="relu")(given)
    chance = keras.layers.Dense(1, activation="sigmoid")(hidden)
    model = keras.Model({"x": given}, chance)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="binary_crossentropy")
    return model


@lru_cache(maxsize=2)
def learner_of(schedule: bool = False) -> tuple[trainer.Learner, list[np.ndarray]]:
    """A learner, and what to put into it to begin untrained."""
    learner = trainer.Learner(build(schedule))
    return learner, take(learner.model)


def train(
    learner: trainer.Learner, rows: Rows, weights: np.ndarray | None = None, epochs: int = EPOCHS
) -> None:
    """One round on some rows."""
    given = np.ones(len(rows.y)) if weights is None else weights / weights.mean()
    parts = []
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(rows.y))
        row = ({"x": rows.x[order]}, rows.y[order], given[order].astype(np.float32))
        parts.append(tf.data.Dataset.from_tensor_slices(row).batch(BATCH))
    joined = parts[0]
    for part in parts[1:]:
        joined = joined.concatenate(part)
    settings = trainer.TrainSettings(epochs=epochs, monitor="loss", patience=epochs)
    learner.train(joined, -(-len(rows.y) // BATCH), settings=settings)


def error(learner: trainer.Learner, rows: Rows) -> float:
    """The share of rows whose label is not the more probable one."""
    return float(((learner.predict({"x": rows.x}) >= 0.5) != rows.y).mean())


def learned(rule: int, rounds: int, seed: int, schedule: bool = False) -> trainer.Learner:
    """A learner after some rounds of 1,000 rows of a rule."""
    learner, untrained = learner_of(schedule)
    put(learner.model, untrained)
    for number in range(rounds):
        train(learner, rows_of(rule, 1000, 10 * seed + number))
    return learner


def compare(
    learner: trainer.Learner, with_it: Callable[[], None], without: Callable[[], None], test: Rows
) -> Outcome:
    """Both ways from the same state of the learner."""
    before, errors = take(learner.model), []
    for way in (with_it, without):
        put(learner.model, before)
        way()
        errors.append(error(learner, test))
    return Outcome(*errors)


def recent_weights(seed: int) -> Outcome:
    """The rule changes three quarters through an hour's window: newer rows weigh more."""
    learner = learned(1, 3, seed)
    old, new = rows_of(1, 1500, seed + 500), rows_of(2, 500, seed + 600)
    window = Rows(np.concatenate([old.x, new.x]), np.concatenate([old.y, new.y]))
    times = np.linspace(0, HOUR_MS, len(window.y)).astype(np.int64)
    weights = Reaction("drift", newest_ms=HOUR_MS, half_life_ms=0.25 * HOUR_MS).recency(times)
    return compare(
        learner,
        lambda: train(learner, window, weights),
        lambda: train(learner, window),
        rows_of(2, 4000, seed + 700),
    )


def less_history(seed: int) -> Outcome:
    """The rule has changed, and a history of half as many rows is of the old one: not recalled."""
    learner = learned(1, 3, seed)
    old, new = rows_of(1, 500, seed + 500), rows_of(2, 1000, seed + 600)
    both = Rows(np.concatenate([old.x, new.x]), np.concatenate([old.y, new.y]))
    return compare(
        learner,
        lambda: train(learner, new),
        lambda: train(learner, both),
        rows_of(2, 4000, seed + 700),
    )


def learning_rate(seed: int) -> Outcome:
    """The rule changes when a schedule has brought the learning rate down: it begins anew."""
    learner = learned(1, 8, seed, schedule=True)
    new = rows_of(2, 1000, seed + 600)

    def reacting() -> None:
        trainer.reset_learning_rate(learner.model, build(schedule=True))
        train(learner, new)

    return compare(learner, reacting, lambda: train(learner, new), rows_of(2, 4000, seed + 700))


def champion(seed: int) -> Outcome:
    """Two rounds had wrong labels, and the old rule is back: from the weights of before them."""
    learner = learned(1, 5, seed)
    best = take(learner.model)
    for number in range(2):
        train(learner, rows_of(1, 1000, seed + 800 + number, turned=True))
    new = rows_of(1, 300, seed + 600)

    def reacting() -> None:
        put(learner.model, best)
        train(learner, new)

    return compare(learner, reacting, lambda: train(learner, new), rows_of(1, 4000, seed + 700))


def scratch(seed: int) -> Outcome:
    """A rule that was learned long and well is turned round: from an untrained model."""
    learner = learned(1, 12, seed)
    new = rows_of(1, 1000, seed + 600, turned=True)

    def reacting() -> None:
        trainer.begin_anew(learner.model, build())
        train(learner, new)

    return compare(
        learner, reacting, lambda: train(learner, new), rows_of(1, 4000, seed + 700, turned=True)
    )


REACTIONS: dict[str, Callable[[int], Outcome]] = {
    "recent: newer rows weigh more": recent_weights,
    "recent: less history": less_history,
    "reset_learning_rate": learning_rate,
    "from_champion": champion,
    "from_scratch": scratch,
}
