"""What a `.keras` file's model predicts, by which metric it is judged, and what it learns from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from millstream.errors import ConfigError, UsageError

if TYPE_CHECKING:
    import keras

    import trainer

__all__ = ["guess_task", "loss_of", "metric_of", "task_and_metric", "task_of"]

ONE_HOT = ("categorical_crossentropy", "categoricalcrossentropy")
LOSSES = {
    "binary": ("binary_crossentropy", "binarycrossentropy", "binary_focal_crossentropy"),
    "multiclass": (
        "sparse_categorical_crossentropy",
        "sparsecategoricalcrossentropy",
        *ONE_HOT,
    ),
}


def task_and_metric(words: Sequence[str]) -> tuple[str | None, str | None]:
    """Which of some words is a task, and which a metric; no name is both.

    Raises:
        UsageError: a word is neither, or there are two of a kind.
    """
    import trainer

    known = sorted({name for names in trainer.METRICS.values() for name in names})
    tasks = [word for word in words if word in trainer.METRICS]
    metrics = [word for word in words if word in known]
    if len(tasks) + len(metrics) < len(words) or max(len(tasks), len(metrics)) > 1:
        raise UsageError(
            f"expected --task {'|'.join(trainer.METRICS)} and --metric {'|'.join(known)}, each at"
            f" most once, got {', '.join(words)}"
        )
    return next(iter(tasks), None), next(iter(metrics), None)


def task_of(model: keras.Model, name: str | None) -> trainer.Task:
    """The task of that name; without one, what the model itself says.

    Raises:
        UsageError: there is no such task.
        ConfigError: none was named, and the model does not say.
    """
    import trainer

    if name is None:
        return guess_task(model)
    if name not in trainer.METRICS:
        raise UsageError(f"--task: expected one of {', '.join(trainer.METRICS)}, got {name}")
    return name  # type: ignore[return-value]


def metric_of(task: trainer.Task, name: str | None) -> str:
    """The metric that decides.

    Raises:
        UsageError: the task has no such metric.
    """
    import trainer

    known = trainer.METRICS[task]
    if name is not None and name not in known:
        raise UsageError(
            f"--metric: the task is {task}; expected one of {', '.join(known)}, got {name}"
        )
    return name or known[0]


def guess_task(model: keras.Model) -> trainer.Task:
    """The task that the model's loss names, or else its last layer.

    Raises:
        ConfigError: neither says.
    """
    loss = getattr(model, "loss", None)
    for task, names in LOSSES.items():
        if name_of(loss) in names:
            return task  # type: ignore[return-value]
    if loss is not None:
        return "regression"
    activation = getattr(getattr(model.layers[-1], "activation", None), "__name__", "")
    known = {"sigmoid": "binary", "softmax": "multiclass", "linear": "regression"}
    if activation not in known:
        raise ConfigError(
            f'model "{model.name}": expected a loss or a last layer that says what it predicts;'
            " compile it with its loss before it is saved, or name the task with --task"
        )
    return known[activation]  # type: ignore[return-value]


def name_of(loss: Any) -> str:
    """Name of a loss that may be a name, a function or an object."""
    if isinstance(loss, str):
        return loss.lower()
    return str(getattr(loss, "name", getattr(loss, "__name__", type(loss).__name__))).lower()


def loss_of(model: keras.Model, task: trainer.Task) -> Any:
    """The model's loss, or the usual one of the task: also where its own takes labels one-hot."""
    usual = {
        "binary": "binary_crossentropy",
        "multiclass": "sparse_categorical_crossentropy",
        "regression": "mean_squared_error",
    }
    loss = getattr(model, "loss", None)
    return usual[task] if loss is None or name_of(loss) in ONE_HOT else loss
