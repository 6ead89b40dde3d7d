"""What every way of training a round shares: early stopping, errors told to people, the report."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import keras
import tensorflow as tf

from trainer.errors import StepFailed, TrainerError, TrainingAborted, TrainingError
from trainer.fit.assignment import Assignment
from trainer.fit.report import TrainReport
from trainer.fit.settings import TrainSettings
from trainer.fit.timing import PartClock
from trainer.fit.watch import Diverged, Watch

# Of a stack, of the node that failed; but not "(0) INVALID_ARGUMENT: ..." of several errors.
_PLACES = re.compile(r"\s(?!\s*\(\d+\))|Graph execution error|Detected at node|Stack trace for")


def early_stopping(settings: TrainSettings) -> keras.callbacks.EarlyStopping:
    """Return what stops a round; afterwards its `best_epoch` says which weights the model has."""
    return keras.callbacks.EarlyStopping(
        monitor=settings.monitor,
        min_delta=settings.min_delta,
        patience=settings.patience,
        mode=settings.mode,
        restore_best_weights=True,
    )


@contextmanager
def named_faults(watch: Watch) -> Iterator[None]:
    """Tell people what Keras could not do; errors of this room and of callers stay theirs."""
    try:
        yield
    except (TrainerError, TrainingAborted, Diverged):
        raise
    except Exception as error:
        if error is watch.raised:
            raise
        raise misfit(error) from error


def misfit(
    error: BaseException, kind: type[StepFailed] | type[TrainingError] = TrainingError
) -> StepFailed | TrainingError:
    """Return what tells people of an error of Keras or TensorFlow while it trained."""
    return kind(
        "model.fit",
        expected="a model that fits the data",
        got=f"{type(error).__name__}: {_said(error)}",
        mend="compare its output, loss and inputs with the schema",
    )


def _said(error: BaseException) -> str:
    """What an error says, without the places in a graph, which TensorFlow tells before it."""
    lines = str(error).splitlines() if isinstance(error, tf.errors.OpError) else []
    told = [line for line in lines if line and not _PLACES.match(line)]
    return "\n".join(told) or str(error)


def make_report(
    history: Sequence[Mapping[str, float]],
    task: Assignment,
    best: int,
    diverged: str | None,
    clock: PartClock,
) -> TrainReport:
    """Return the report of a fit.

    Args:
        history: The logs of the finished epochs.
        task: What the fit was given.
        best: The epoch whose weights the model has, from 1; 0 if it diverged.
        diverged: Where a value stopped being finite.
        clock: What measured it.
    """
    parts = clock.read()
    names = [name for name in (history[0] if history else ()) if all(name in h for h in history)]
    return TrainReport(
        epochs=len(history),
        best_epoch=best,
        stopped_early=diverged is None and len(history) < task.epochs,
        monitored=task.monitored,
        history={name: tuple(logs[name] for logs in history) for name in names},
        diverged=diverged,
        skipped=None,
        seconds=sum(parts.values()),
        seconds_by_part=parts,
    )


def skipped(reason: str) -> TrainReport:
    """Return the report of a fit that did nothing."""
    return TrainReport(0, 0, False, False, {}, None, reason, 0.0)
