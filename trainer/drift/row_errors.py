"""The error of each prediction, as drift detectors read it: from 0 to 1, whatever the task."""

from typing import Literal, get_args

import numpy as np

from trainer.errors import DriftError
from trainer.metrics import Task
from trainer.paired.answers import one_form

ErrorKind = Literal["absolute", "zero_one"]


def row_errors(
    task: Task, labels: np.ndarray, output: np.ndarray, kind: ErrorKind, scale: float = 1.0
) -> np.ndarray:
    """Return the error of each row.

    "absolute": 1 less the probability that was given to the true class; for regression
    e / (e + scale), e being the distance of prediction and label, as detectors take errors of at
    most 1. "zero_one": 1 where the most probable class is not the true one, else 0.

    Args:
        task: "binary", "multiclass" or "regression"; the last has no "zero_one".
        labels: [n], classes counted from 0, or numbers.
        output: Predictions, as `trainer.score` takes them: [n], [n, 1], for classes [n, c].
        kind: Of the error.
        scale: For regression: the distance that counts half, more than 0; see `error_scale`.

    Returns:
        float64 [n]. A prediction that is not finite has the error 1.

    Raises:
        DriftError: Labels and predictions do not fit each other or the task.
    """
    _check_kind(task, kind)
    truth, given = np.asarray(labels, np.float64), np.asarray(output, np.float64)
    _check_fit(task, truth, given)
    known = given if given.ndim == 2 else given[:, None]
    if task == "regression":
        away = np.abs(truth - one_form(task, given))
        found = 1.0 - scale / (away + scale)
    else:
        wide = known if known.shape[1] > 1 else np.concatenate([1.0 - known, known], axis=1)
        found = _class_errors(truth.astype(np.int64), wide, kind)
    broken = ~np.isfinite(known).all(axis=1)
    return np.where(broken | ~np.isfinite(found), 1.0, np.clip(found, 0.0, 1.0))


def _class_errors(classes: np.ndarray, chances: np.ndarray, kind: ErrorKind) -> np.ndarray:
    """float64 [n], of class indices [n] and probabilities [n, c]; the first of equal ones wins."""
    if kind == "zero_one":
        return np.asarray(chances.argmax(axis=1) != classes, np.float64)
    return np.asarray(1.0 - chances[np.arange(len(classes)), classes])


def _check_kind(task: Task, kind: ErrorKind) -> None:
    if kind not in get_args(ErrorKind) or (task == "regression" and kind == "zero_one"):
        expected = "absolute" if task == "regression" else "absolute or zero_one"
        raise DriftError("drift.error", expected=expected, got=repr(kind), mend="change it")


def _check_fit(task: Task, labels: np.ndarray, output: np.ndarray) -> None:
    many = output.ndim == 2 and output.shape[1] > 1
    wide = {"multiclass": many, "regression": not many, "binary": not many or output.shape[1] == 2}
    fits = labels.ndim == 1 and len(output) == len(labels) and output.ndim in {1, 2} and wide[task]
    if not fits:
        got = f"{list(labels.shape)} and {list(output.shape)}"
        expected = f"labels and predictions of one {task} output"
        raise DriftError("errors", expected=expected, got=got, mend="compare model and schema")
    if task == "regression":
        return
    classes = output.shape[1] if many else 2
    strange = labels[~np.isin(labels, np.arange(classes))]
    if len(strange):
        expected = f"class indices 0 to {classes - 1}"
        mend = "give the model as many outputs as there are classes"
        raise DriftError("labels", expected=expected, got=f"{strange[0]:g}", mend=mend)


def error_scale(labels: np.ndarray) -> float:
    """Return the median distance of labels, [n], from their median; 1 if that says nothing."""
    known = np.asarray(labels, np.float64)
    known = known[np.isfinite(known)]
    spread = float(np.median(np.abs(known - np.median(known)))) if len(known) else 0.0
    return spread if spread > 0.0 else 1.0
