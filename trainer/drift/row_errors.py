"""The error of each prediction, as drift detectors read it: from 0 to 1, whatever the task."""

from typing import Literal, get_args

import numpy as np

from trainer.errors import DriftError
from trainer.metrics import Task

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
        output: Predictions, [n], for several classes [n, c].
        kind: Of the error.
        scale: For regression: the distance that counts half, more than 0; see `error_scale`.

    Returns:
        float64 [n]. A prediction that is not a number has the error 1.

    Raises:
        DriftError: Labels and predictions do not fit each other or the task.
    """
    if kind not in get_args(ErrorKind) or (task == "regression" and kind == "zero_one"):
        expected = "absolute" if task == "regression" else "absolute or zero_one"
        raise DriftError("drift.error", expected=expected, got=repr(kind), mend="change it")
    truth, given = np.asarray(labels, np.float64), np.asarray(output, np.float64)
    if truth.ndim != 1 or len(given) != len(truth) or (given.ndim == 2) != (task == "multiclass"):
        got = f"{list(truth.shape)} and {list(given.shape)}"
        expected = f"labels and predictions of one {task} output"
        raise DriftError("errors", expected=expected, got=got, mend="compare model and schema")
    if task == "regression":
        away = np.abs(truth - given)
        found = 1.0 - scale / (away + scale)
    elif task == "binary":
        right = np.where(truth > 0.5, given, 1.0 - given)
        found = 1.0 - right if kind == "absolute" else ((given >= 0.5) != (truth > 0.5)) * 1.0
    else:
        classes = truth.astype(np.int64)
        chosen = given.argmax(axis=1) if len(given) else classes
        right = given[np.arange(len(classes)), classes]
        found = 1.0 - right if kind == "absolute" else (chosen != classes) * 1.0
    return np.where(np.isfinite(found), np.clip(found, 0.0, 1.0), 1.0)


def error_scale(labels: np.ndarray) -> float:
    """Return the median distance of labels, [n], from their median; 1 if that says nothing."""
    known = np.asarray(labels, np.float64)
    known = known[np.isfinite(known)]
    spread = float(np.median(np.abs(known - np.median(known)))) if len(known) else 0.0
    return spread if spread > 0.0 else 1.0
