"""A learner fed by the service's dataset, beside the same learner fed the same batches from memory.

Both take turns on one learner, whose functions are traced before; a lap is one round of training.
The step rate is that of the epochs: steps and what they wait for their batches, as the round's own
report tells them. What begins a round, such as making an iterator, is told beside it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.ingest.schemas import large_schema
from ingest import Rows, Schema, steps_per_epoch, training_dataset

if TYPE_CHECKING:
    import tensorflow as tf

    import trainer

__all__ = ["Case", "Lap", "cases", "feeding", "held_in_memory", "race"]

BATCH = 256
READ_AHEAD = 8


class Lap(NamedTuple):
    """Steps/s of the epochs, the share of that time that they wait, and the seconds beside it."""

    rate: float
    waits: float
    rest: float


@dataclass(frozen=True)
class Case:
    """What is trained on what.

    Attributes:
        name: of the model, for people.
        schema: of the rows.
        rows: of a round, full batches.
        epochs: of a lap.
        learner: with the model.
    """

    name: str
    schema: Schema
    rows: Rows
    epochs: int
    learner: trainer.Learner

    def fed(self) -> tf.data.Dataset:
        """What a round trains on."""
        weights = np.ones(len(self.rows))
        given = {"batch_size": BATCH, "epochs": self.epochs, "seed": 1, "weights": weights}
        return training_dataset(self.rows, self.schema, **given)

    def lap(self, dataset: tf.data.Dataset) -> Lap:
        """Train a round."""
        import trainer

        settings = trainer.TrainSettings(epochs=self.epochs, unmonitored_epochs=self.epochs)
        steps = steps_per_epoch(len(self.rows), BATCH)
        begun = time.perf_counter()
        told = self.learner.train(dataset, steps, None, settings, 1)
        whole = time.perf_counter() - begun
        if told.epochs != self.epochs:
            raise RuntimeError(f"{self.name}: {told.diverged or told.skipped}")
        parts = told.seconds_by_part
        steps_s = parts["step"] + parts["input"]
        return Lap(self.steps / steps_s, parts["input"] / steps_s, whole - steps_s)

    @property
    def steps(self) -> int:
        """Batches of a lap."""
        return self.epochs * steps_per_epoch(len(self.rows), BATCH)


def feeding(repeats: int, batches: int = 64, scale: int = 1) -> dict[str, float]:
    """Measure, print, and give the numbers.

    Args:
        repeats: pairs of laps.
        batches: of an epoch.
        scale: laps have so many times fewer epochs.
    """
    found = {}
    for case in cases(batches, scale):
        ratio = race(case, repeats)
        found[f"fed_vs_memory_{case.name}"] = ratio
    return {"fed_vs_memory": min(found.values()), **found}


def race(case: Case, repeats: int) -> float:
    """The median over pairs of laps of the step rate, fed over from memory; prints both."""
    kept = held_in_memory(case.fed())
    ways: dict[str, Callable[[], Any]] = {"service": case.fed, "memory": lambda: kept}
    laps: dict[str, list[Lap]] = {name: [] for name in ways}
    for number in range(repeats + 1):
        for name in sorted(ways, reverse=number % 2 == 0):
            lap = case.lap(ways[name]())
            if number:  # the first pair traces
                laps[name].append(lap)
    pairs = zip(laps["service"], laps["memory"], strict=True)
    ratio = statistics.median(fed.rate / memory.rate for fed, memory in pairs)
    print(f"\nThe {case.name} model: laps of {case.steps:,} steps of {BATCH} rows\n")
    for name, done in laps.items():
        rate, waits, rest = (statistics.median(part) for part in zip(*done, strict=True))
        print(
            f"| fed by {name:<8} | {rate:>8,.1f} steps/s | waits {waits:5.1%} of it |"
            f" beside the steps {rest:.2f} s a round |"
        )
    print(f"\nservice over memory: {ratio:.3f}", flush=True)
    return ratio


def held_in_memory(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The same batches, all of one size, as tensors that are there already."""
    import tensorflow as tf

    stacked = tf.nest.map_structure(lambda *parts: tf.stack(parts), *list(dataset))
    held = tf.data.Dataset.from_tensor_slices(stacked).prefetch(READ_AHEAD)
    # Traced for an open number of rows, as the service's are: else another function would run.
    variant = tf.data.experimental.to_variant(held)
    same = tf.data.experimental.from_variant(variant, dataset.element_spec)
    same = same.apply(tf.data.experimental.assert_cardinality(len(held)))
    same.held = held
    return same


def cases(batches: int, scale: int = 1) -> list[Case]:
    """The demo's model on rows like its flights, and a million weights on rows of 13 features."""
    import keras

    import trainer
    from bench.train.models import million
    from millstream.demo.model import build

    made = []
    for name, model, schema, epochs in (
        ("demo", build, flights(), 24),
        ("million", million, large_schema(), 2),
    ):
        keras.utils.set_random_seed(1)
        rows = rows_of(schema, batches * BATCH)
        made.append(Case(name, schema, rows, max(1, epochs // scale), trainer.Learner(model(), 1)))
    return made


def flights() -> Schema:
    """That of the demo."""
    from importlib.resources import as_file, files

    from millstream.config.config import load_config
    from millstream.pipeline import make_schema

    with as_file(files("millstream.demo") / "millstream.toml") as path:
        return make_schema(load_config(path))


def rows_of(schema: Schema, count: int) -> Rows:
    """Rows that any model of the schema takes; labels by chance."""
    draw = np.random.default_rng(1)
    columns: dict[str, Any] = {}
    for field in schema.fields:
        if field.role == "label":
            columns[field.name] = draw.random(count) < 0.3
        elif field.dtype == "float32":
            columns[field.name] = draw.normal(size=count).astype(np.float32)
        else:
            columns[field.name] = draw.integers(1, 3, count).astype(np.int32)
    return Rows(
        topics=("events",),
        topic=np.zeros(count, np.int32),
        partition=np.arange(count, dtype=np.int32) % 4,
        offset=np.arange(count, dtype=np.int64) // 4,
        timestamp=np.arange(count, dtype=np.int64),
        columns=columns,
    )
