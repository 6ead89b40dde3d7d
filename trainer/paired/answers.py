"""What models answered to the same rows, row by row: what a paired comparison is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from trainer.metrics import Task

__all__ = ["Answers", "losses", "one_form", "usable"]

TINY = np.finfo(np.float64).eps  # scikit-learn's log loss clips chances by this, too


@dataclass(frozen=True, eq=False)
class Answers:
    """Predictions of candidate and champion on the same rows, in the same order.

    Attributes:
        task: "binary", "multiclass" or "regression".
        labels: [n]; 0 and 1, class indices, or numbers.
        candidate: [n], [n, 1] or [n, c], as `score` takes them.
        champion: Of that kind; None if there is no champion, or if it cannot predict these rows.
        float32: The candidate's before it was compressed; None if nobody asked.
        weights: [n], not negative; None for all 1.
        groups: Field name -> [n], the value that each row has there.
    """

    task: Task
    labels: np.ndarray
    candidate: np.ndarray
    champion: np.ndarray | None = None
    float32: np.ndarray | None = None
    weights: np.ndarray | None = None
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)

    def take(self, rows: np.ndarray) -> "Answers":
        """Return the answers of some rows: a mask bool[n] or indices."""
        return replace(
            self,
            labels=self.labels[rows],
            candidate=self.candidate[rows],
            champion=None if self.champion is None else self.champion[rows],
            float32=None if self.float32 is None else self.float32[rows],
            weights=None if self.weights is None else self.weights[rows],
            groups={name: values[rows] for name, values in self.groups.items()},
        )

    def against(self, champion: np.ndarray | None) -> "Answers":
        """Return the same with others as the champion's."""
        return replace(self, champion=champion)

    def swapped(self) -> "Answers":
        """Return them with champion and candidate in each other's place.

        Raises:
            ValueError: There is no champion.
        """
        if self.champion is None:
            raise ValueError("there is no champion to swap with")
        return replace(self, candidate=self.champion, champion=self.candidate)


def usable(answers: Answers) -> Answers | None:
    """Return the rows that weigh something, predictions as float64 in one form for each task.

    The largest weight is 1.

    Binary: [n], the chance of class 1. Multiclass: [n, c], rows that sum to 1. Regression: [n].
    None if there is no champion, no such row, another number of predictions, or one that is not
    finite. That they fit the task is for `score` to say, which saw them before.
    """
    if answers.champion is None or len(answers.champion) != len(answers.labels):
        return None
    labels = np.asarray(answers.labels).reshape(-1)
    weights = np.ones(len(labels)) if answers.weights is None else answers.weights
    whole = replace(answers, labels=labels, float32=None, weights=np.asarray(weights, np.float64))
    kept = whole.take(np.asarray(weights) > 0)
    if len(kept.labels) == 0 or kept.champion is None:
        return None
    if not (np.isfinite(kept.candidate).all() and np.isfinite(kept.champion).all()):
        return None
    weighs = np.asarray(kept.weights)
    return replace(
        kept,
        weights=weighs / weighs.max(),  # only their ratios count, and squares stay in range
        candidate=one_form(kept.task, kept.candidate),
        champion=one_form(kept.task, kept.champion),
    )


def losses(task: Task, metric: str, labels: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Return float64[n], each row's part of a metric that is a mean, less is better.

    "accuracy": 1 for a wrong class. "rmse" and "r2": the squared error, of whose mean they are a
    function. "log_loss" and "mae" as they are called.

    Args:
        task: The task.
        metric: Any but "auc".
        labels: [n].
        output: As `usable` gives it.
    """
    if task == "regression":
        error: np.ndarray = np.abs(labels.astype(np.float64) - output)
        return error if metric == "mae" else np.square(error)
    classes = labels.astype(np.int64)
    if metric == "accuracy":
        chosen = output > 0.5 if task == "binary" else output.argmax(axis=1)
        return np.asarray(chosen.astype(np.int64) != classes, np.float64)
    if task == "binary":
        chance = np.where(classes == 1, output, 1 - output)
    else:
        chance = np.take_along_axis(output, classes[:, None], axis=1)[:, 0]
    return np.asarray(-np.log(np.clip(chance, TINY, 1 - TINY)))


def one_form(task: Task, predictions: np.ndarray) -> np.ndarray:
    """Return float64 predictions as `usable` gives them, of those that `score` takes."""
    output = np.asarray(predictions, np.float64)
    if task == "multiclass":
        output = np.clip(output, 0.0, 1.0)
        sums: np.ndarray = output.sum(axis=1, keepdims=True)
        return np.asarray(output / np.where(sums > 0, sums, 1.0))
    flat = output[:, -1] if output.ndim == 2 else output
    return flat if task == "regression" else np.asarray(np.clip(flat, 0.0, 1.0))
