"""What the options of [train] cost: compile time, and the time of a step beside a plain one.

    python -m bench.fit_options [--units 256]

Each option trains the same rows. A first round compiles; rounds after that are timed in
turns with plain ones, so what else the machine does falls on both alike. "unmeasured" is a plain
model whose input is not measured: it says what the measuring costs. Two more learners that begin
alike say whether a round is replayed bit for bit.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import tensorflow as tf

import trainer
from trainer import ModelOptions, TrainSettings

ROWS, BATCH, ROUNDS = 12_800, 256, 7
SOURCE = """
import keras
from keras import layers

def build():
    numbers = keras.Input((32,), name="numbers")
    x = numbers
    for _ in range(3):
        x = layers.Dense(UNITS, activation="relu")(x)
    x = layers.Dropout(0.1)(x)
    model = keras.Model(numbers, layers.Dense(1, activation="sigmoid")(x))
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    return model
"""


@dataclass
class Contestant:
    """One way to train, and what was seen of it."""

    options: ModelOptions = field(default_factory=ModelOptions)
    xla: bool | None = None
    warm_up: int = 0
    measured: bool = True
    reports: list[trainer.TrainReport] = field(default_factory=list)


CONTESTANTS = {
    "plain": Contestant(),
    "unmeasured": Contestant(measured=False),
    "warm_up_steps = 20": Contestant(warm_up=20),
    "global_clip_norm = 1": Contestant(ModelOptions(global_clip_norm=1.0)),
    "accumulate = 4": Contestant(ModelOptions(accumulate=4)),
    'freeze = ["dense", "dense_[12]"]': Contestant(ModelOptions(freeze=("dense", "dense_[12]"))),
    "lora_rank = 4": Contestant(ModelOptions(lora_rank=4)),
    "mixed_bfloat16": Contestant(ModelOptions(precision="mixed_bfloat16")),
    "mixed_float16": Contestant(ModelOptions(precision="mixed_float16")),
    "xla = true": Contestant(xla=True),
}


def make_rows() -> tuple[tf.data.Dataset, int]:
    """A round's batches, in memory."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(ROWS, 32)).astype(np.float32)
    labels = (numbers.sum(1) > 0).astype(np.int32)
    dataset = tf.data.Dataset.from_tensor_slices(({"numbers": numbers}, labels))
    return dataset.batch(BATCH).cache().prefetch(8), -(-ROWS // BATCH)


def make_learner(contestant: Contestant, folder: Path) -> trainer.Learner:
    """A learner; its input is not measured if the contestant says so."""
    made = trainer.prepare_model("model:build", folder, contestant.options, seed=1)
    learner = trainer.Learner(made.model, xla=contestant.xla)
    if not contestant.measured:
        learner._functions.meter.measured = lambda dataset: dataset  # type: ignore[method-assign]
    return learner


def train(learner: trainer.Learner, contestant: Contestant) -> trainer.TrainReport:
    """One round of one epoch."""
    dataset, steps = make_rows()
    settings = TrainSettings(1, warm_up_steps=contestant.warm_up)
    return learner.train(dataset, steps, None, settings)


def is_replayed(contestant: Contestant, folder: Path) -> bool:
    """Whether two learners that begin alike end alike."""
    digests = set()
    for _ in range(2):
        learner = make_learner(contestant, folder)
        train(learner, contestant)
        digests.add(trainer.digest(learner.model))
    return len(digests) == 1


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=256)
    units = parser.parse_args().units
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.py").write_text(SOURCE.replace("UNITS", str(units)))
        learners = {name: make_learner(each, folder) for name, each in CONTESTANTS.items()}
        for _ in range(ROUNDS):
            for name, contestant in CONTESTANTS.items():
                contestant.reports.append(train(learners[name], contestant))
        print(f"| option | compile, s | step beside plain | replayed | ({units} units)")
        print("|---|---|---|---|")
        for name, contestant in CONTESTANTS.items():
            beside = median(
                mine.seconds / plain.seconds
                for mine, plain in zip(
                    contestant.reports[1:], CONTESTANTS["plain"].reports[1:], strict=True
                )
            )
            compiled = contestant.reports[0].compile_seconds
            same = "bit for bit" if is_replayed(contestant, folder) else "no"
            print(f"| `{name}` | {compiled:.1f} | {beside:.2f} | {same} |", flush=True)


if __name__ == "__main__":
    main()
