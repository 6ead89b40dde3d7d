"""Scores of predictions, from scikit-learn.

Predictions of classifiers are probabilities, not logits: a model ends in sigmoid or softmax.
"""

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
from sklearn import metrics as sk

from trainer.errors import MetricError
from trainer.hints import did_you_mean

Task = Literal["binary", "multiclass", "regression"]

METRICS: Mapping[Task, tuple[str, ...]] = {
    "binary": ("auc", "accuracy", "log_loss"),
    "multiclass": ("accuracy", "log_loss"),
    "regression": ("rmse", "mae", "r2"),
}
_LOWER = {"log_loss", "rmse", "mae"}
_SLACK = 1e-3


def higher_is_better(metric: str) -> bool:
    """Return whether more is better.

    Raises:
        MetricError: No such metric (with did-you-mean).
    """
    known = {name for names in METRICS.values() for name in names}
    if metric not in known:
        raise MetricError(
            "metric",
            expected="a metric's name",
            got=f'"{metric}"',
            mend=did_you_mean(metric, known),
        )
    return metric not in _LOWER


def score(
    task: Task, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Return the task's metrics.

    Args:
        task: "binary", "multiclass" or "regression".
        labels: [n]; 0 and 1, class indices from 0, or numbers.
        predictions: [n] or [n, 1]: probabilities of class 1, or values; [n, c]: probabilities of
            the classes (also for binary with c = 2).
        weights: [n], not negative; None for all 1.

    Returns:
        Metric -> value. What cannot be computed is left out: AUC of a single class, R2 of fewer
        than two rows or of equal labels, everything of no rows or no weight. All are NaN if a
        prediction is not finite.

    Raises:
        MetricError: Shapes, labels or probabilities are not what the task needs.
    """
    if task not in get_args(Task):
        _refuse("task", "one of " + ", ".join(get_args(Task)), repr(task), "change the task")
    truth = np.asarray(labels).reshape(-1)
    output = np.asarray(predictions, np.float64)
    _check_shapes(truth, output, weights)
    if weights is not None:
        kept = np.asarray(weights) > 0
        truth, output, weights = truth[kept], output[kept], np.asarray(weights, np.float64)[kept]
    if len(truth) == 0:
        return {}
    if not np.isfinite(output).all():
        return dict.fromkeys(METRICS[task], float("nan"))
    if task == "regression":
        return _regression(truth.astype(np.float64), _one_column(output), weights)
    if task == "binary":
        return _binary(truth, _class_one(output), weights)
    return _multiclass(truth, output, weights)


def _binary(truth: np.ndarray, chance: np.ndarray, weights: np.ndarray | None) -> dict[str, float]:
    if not np.isin(truth, (0, 1)).all():
        wrong = truth[~np.isin(truth, (0, 1))][0]
        _refuse("labels", "0 or 1", repr(wrong.item()), 'use the task "multiclass" or "regression"')
    chance = _probabilities(chance, "sigmoid")
    truth = truth.astype(np.int64)
    both = np.column_stack([1 - chance, chance])
    scores = {
        "accuracy": sk.accuracy_score(truth, chance > 0.5, sample_weight=weights),
        "log_loss": sk.log_loss(truth, both, labels=[0, 1], sample_weight=weights),
    }
    if len(np.unique(truth)) == 2:
        scores["auc"] = sk.roc_auc_score(truth, chance, sample_weight=weights)
    return {name: float(scores[name]) for name in METRICS["binary"] if name in scores}


def _multiclass(
    truth: np.ndarray, chances: np.ndarray, weights: np.ndarray | None
) -> dict[str, float]:
    if chances.ndim != 2 or chances.shape[1] < 2:
        _refuse("predictions", "shape [n, classes]", str(list(chances.shape)), "add softmax")
    classes = chances.shape[1]
    if not np.isin(truth, np.arange(classes)).all():
        wrong = truth[~np.isin(truth, np.arange(classes))][0]
        mend = "give the model as many outputs as there are classes"
        _refuse("labels", f"class indices 0 to {classes - 1}", repr(wrong.item()), mend)
    chances = _probabilities(chances, "softmax")
    sums = chances.sum(axis=1)
    if np.abs(sums - 1).max() > 10 * _SLACK:
        got = f"{sums[np.abs(sums - 1).argmax()]:.4g}"
        _refuse("predictions", "rows that sum to 1", got, "end the model in softmax")
    chances = chances / sums[:, None]
    truth = truth.astype(np.int64)
    best = chances.argmax(axis=1)
    loss = sk.log_loss(truth, chances, labels=list(range(classes)), sample_weight=weights)
    accuracy = sk.accuracy_score(truth, best, sample_weight=weights)
    return {"accuracy": float(accuracy), "log_loss": float(loss)}


def _regression(
    truth: np.ndarray, values: np.ndarray, weights: np.ndarray | None
) -> dict[str, float]:
    scores = {
        "rmse": float(np.sqrt(sk.mean_squared_error(truth, values, sample_weight=weights))),
        "mae": float(sk.mean_absolute_error(truth, values, sample_weight=weights)),
    }
    if len(np.unique(truth)) > 1:
        scores["r2"] = float(sk.r2_score(truth, values, sample_weight=weights))
    return scores


def _check_shapes(truth: np.ndarray, output: np.ndarray, weights: np.ndarray | None) -> None:
    if output.ndim not in {1, 2} or len(output) != len(truth):
        got = f"{list(output.shape)}"
        _refuse("predictions", f"{len(truth)} rows, [n] or [n, c]", got, "predict the same rows")
    if weights is None:
        return
    given = np.asarray(weights)
    if given.shape != truth.shape or not np.isfinite(given).all() or (given < 0).any():
        got = f"{given.dtype}{list(given.shape)}"
        _refuse("weights", f"{len(truth)} finite numbers of at least 0", got, "mend the weights")


def _one_column(output: np.ndarray) -> np.ndarray:
    if output.ndim == 2 and output.shape[1] != 1:
        _refuse("predictions", "one value a row", str(list(output.shape)), "end in Dense(1)")
    return output.reshape(-1)


def _class_one(output: np.ndarray) -> np.ndarray:
    return output[:, 1] if output.ndim == 2 and output.shape[1] == 2 else _one_column(output)


def _probabilities(output: np.ndarray, mend: str) -> np.ndarray:
    low, high = output.min(), output.max()
    if low < -_SLACK or high > 1 + _SLACK:
        got = f"{low if low < -_SLACK else high:.4g}"
        _refuse("predictions", "probabilities from 0 to 1", got, f"add a {mend} to the last layer")
    return np.asarray(np.clip(output, 0.0, 1.0))


def _refuse(place: str, expected: str, got: str, mend: str) -> None:
    raise MetricError(place, expected=expected, got=got, mend=mend)
