"""A short fine-tune that heals a changed model, with early stopping and the export as a teacher."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from registry.compress.feeding import answers, known_rows
from registry.compress.normalizing import recalibrate
from registry.compress.subject import Subject
from registry.compress.tuning_steps import TuningSteps
from registry.errors import RungError

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

__all__ = ["FineTune", "Schedule", "fine_tune"]


@dataclass(frozen=True)
class FineTune:
    """How a changed model is fine-tuned.

    Attributes:
        epochs: at most; 0 leaves the model as the change left it.
        steps: at most, of all epochs together: an epoch has at most `steps / epochs` of them.
        batch: rows of a step.
        learning_rate: of Adam, at first; it falls to nothing along half a cosine (Loshchilov &
            Hutter, SGDR, 2017), for at a constant one the last steps' noise stays in the weights.
        patience: epochs without a better loss on the rows held out before it stops.
        held_out: share of the examples that only judge.
        distillation: share of the loss that comes from the export's own answers, 0 to 1.
    """

    epochs: int = 10
    steps: int = 2000
    batch: int = 64
    learning_rate: float = 1e-3
    patience: int = 2
    held_out: float = 0.2
    distillation: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges."""
        bounds = {
            "epochs": (self.epochs, 0, math.inf),
            "steps": (self.steps, 1, math.inf),
            "batch": (self.batch, 1, math.inf),
            "learning_rate": (self.learning_rate, 0, math.inf),
            "patience": (self.patience, 1, math.inf),
            "held_out": (self.held_out, 0.01, 0.9),
            "distillation": (self.distillation, 0, 1),
        }
        for name, (value, low, high) in bounds.items():
            if not low <= value <= high:
                raise RungError(f"{name}: expected {low} to {high}, got {value}")


class Schedule(Protocol):
    """What changes a model's weights by a plan while it is fine-tuned."""

    def begin(self, model: keras.Model, steps: int) -> None:
        """Before the first of so many steps, at most."""

    def advance(self, done: int) -> int:
        """After so many steps; returns how many to do before the next call, at least 1."""

    def settled(self, done: int) -> bool:
        """Whether the weights after so many steps may be kept."""


def fine_tune(
    model: keras.Model, subject: Subject, settings: FineTune, schedule: Schedule | None = None
) -> None:
    """Train a changed copy in place; afterwards it has the weights that judged best.

    Batch normalization is measured anew and trained, statistics included, unless there is a
    schedule; all else runs as at inference, so dropout is off. Weights that are not trainable stay,
    so what the user froze and what normalises inputs is as it was.

    The loss is the subject's, or the one that its model was compiled with, and in part the distance
    to the export's own answers; without any loss it is that distance alone. The best weights are
    those with the smallest loss on the rows held out, those before the first step among them.

    Everything is a function of model, subject, settings and schedule: which rows are held out, and
    the order of the others, are drawn from the subject's seed.

    Raises:
        RungError: there are too few examples, or the loss is not finite.
    """
    examples = known_rows(subject)
    if settings.epochs == 0:
        recalibrate(model, examples)
        return
    draw = np.random.default_rng([subject.seed, len(examples)])
    train, judge = split(len(examples), settings.held_out, draw)
    normalizing = schedule is None
    if normalizing:
        recalibrate(model, examples)
    batch = min(settings.batch, len(train))
    of_epoch = max(1, min(len(train) // batch, settings.steps // settings.epochs))
    most = settings.epochs * of_epoch
    steps = make_steps(model, subject, settings, most, normalizing=normalizing)
    if schedule is not None:
        schedule.begin(model, most)
    best = Best(steps.learns)
    if schedule is None or schedule.settled(0):
        best.offer(steps.judge(judge, batch))
    done = 0
    for _ in range(settings.epochs):
        order = draw.permutation(train)[: of_epoch * batch].reshape(of_epoch, batch)
        done = run_epoch(steps, order, done, schedule)
        if schedule is None or schedule.settled(done):
            best.offer(steps.judge(judge, batch))
        if best.waited >= settings.patience:
            break
    best.restore()


def run_epoch(
    steps: TuningSteps, order: NDArray[np.int32], done: int, schedule: Schedule | None
) -> int:
    """Train on rows in this order, `[steps, batch]`; returns how many steps are done then."""
    start = 0
    while start < len(order):
        count = len(order) if schedule is None else schedule.advance(done)
        part = order[start : start + count]
        steps.train(part)
        start, done = start + len(part), done + len(part)
    if schedule is not None:
        schedule.advance(done)
    return done


def split(
    rows: int, share: float, draw: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Places of the rows to train on, and of those to judge by, at least one each."""
    order = draw.permutation(rows).astype(np.int32)
    count = min(max(1, int(share * rows)), rows - 1)
    return order[count:], order[:count]


def make_steps(
    model: keras.Model, subject: Subject, settings: FineTune, most: int, *, normalizing: bool
) -> TuningSteps:
    """The steps of a fine-tune of a subject with examples, at most so many."""
    import keras

    examples = known_rows(subject)
    loss = subject.loss if subject.loss is not None else getattr(subject.model, "loss", None)
    share = settings.distillation if loss is not None else 1.0
    teacher = answers(subject.float32, examples, model) if share else None
    falling = keras.optimizers.schedules.CosineDecay(settings.learning_rate, most)
    rates = (share, falling)
    return TuningSteps(model, loss, examples, teacher, rates, normalizing=normalizing)


class Best:
    """The best weights so far, and for how many judgements they have been the best."""

    def __init__(self, variables: list[Any]) -> None:
        self._variables = variables
        self._loss = math.inf
        self._values: list[Any] = []
        self.waited = 0

    def offer(self, loss: float) -> None:
        """The model as it is now has this loss.

        Raises:
            RungError: it is not finite.
        """
        if not math.isfinite(loss):
            raise RungError(f"the fine-tune diverged: its loss is {loss}; lower the learning rate")
        if loss < self._loss:
            self._loss, self.waited = loss, 0
            self._values = [np.asarray(variable).copy() for variable in self._variables]
        else:
            self.waited += 1

    def restore(self) -> None:
        """Give the model its best weights."""
        for variable, value in zip(self._variables, self._values, strict=False):
            variable.assign(value)
