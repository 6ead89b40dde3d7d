"""Faded scores: prequential metrics that forget, so that they show how it goes now.

Gama, Sebastião and Rodrigues, "On evaluating stream learning algorithms" (Machine Learning, 2013):
with the loss L of each row in the order of time, and a fading factor a of at most 1,

    S = L + a S        B = 1 + a B        E = S / B

which weighs a row by a to the power of how many came after it. Here a row of weight w adds w L and
w. The state is two numbers for each metric, and goes into the round's report.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.errors import MetricError
from trainer.metrics import METRICS, Task
from trainer.paired.answers import losses, one_form

__all__ = ["Faded", "row_losses"]

FORMAT = 1
_MEND = "restore the report from a backup, or use another state folder"


def row_losses(task: Task, labels: np.ndarray, predictions: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each row adds to those metrics that are means over rows.

    Args:
        task: "binary", "multiclass" or "regression".
        labels: [n], as `score` takes them.
        predictions: [n], [n, 1] or [n, c], as `score` takes them.

    Returns:
        float64 [n] by metric: "accuracy" (1 for a row that is right, 0 for one that is wrong) and
        "log_loss", or "mae" and "rmse" (whose value is the squared error).
    """
    truth, output = np.asarray(labels).reshape(-1), one_form(task, predictions)
    if task == "regression":
        return {name: losses(task, name, truth, output) for name in ("rmse", "mae")}
    wrong = losses(task, "accuracy", truth, output)
    return {"accuracy": 1.0 - wrong, "log_loss": losses(task, "log_loss", truth, output)}


@dataclass(frozen=True)
class Faded:
    """The faded scores of one model or baseline.

    Attributes:
        sums: By metric S and B. "auc" and "r2" are no means over rows: there each row adds the
            value that the metric has on the rows of its round.
    """

    sums: Mapping[str, tuple[float, float]]

    @classmethod
    def empty(cls) -> "Faded":
        """Return the state before the first row."""
        return cls({})

    def after(
        self,
        values: Mapping[str, np.ndarray],
        scores: Mapping[str, float],
        weights: np.ndarray | None,
        fading: float,
    ) -> "Faded":
        """Return the state after the rows of a round.

        A metric that is not finite on the rows, or that the round lacks, stays as it was.

        Args:
            values: Of the rows, as `row_losses` gives them; [n] in the order of time.
            scores: Of the rows together, as `score` gives them.
            weights: [n], or None for all 1.
            fading: The factor, more than 0; 1 forgets nothing.
        """
        rows = len(next(iter(values.values()), ()))
        weight = np.ones(rows) if weights is None else np.asarray(weights, np.float64)
        given = {name: np.full(rows, score) for name, score in scores.items()} | dict(values)
        factors = fading ** np.arange(rows - 1, -1, -1, dtype=np.float64) * weight
        sums = dict(self.sums)
        for name, loss in given.items():
            added = float((factors * loss).sum())
            if rows and np.isfinite(added) and np.isfinite(scores.get(name, 0.0)):
                s, b = sums.get(name, (0.0, 0.0))
                kept = fading**rows
                sums[name] = (added + kept * s, float(factors.sum()) + kept * b)
        return Faded(sums)

    def values(self) -> dict[str, float]:
        """Return the faded value of each metric; none of one that has no weight."""
        means = {name: s / b for name, (s, b) in self.sums.items() if b > 0}
        return {name: float(np.sqrt(m)) if name == "rmse" else m for name, m in means.items()}

    def to_json(self) -> dict[str, Any]:
        """Return values and state as JSON types."""
        return {
            "format": FORMAT,
            **self.values(),
            "sums": {name: list(pair) for name, pair in self.sums.items()},
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any] | None, task: Task) -> "Faded":
        """Return the state that `to_json` gave; None is the state before the first row.

        Raises:
            MetricError: It has another format, is of another task, or is damaged.
        """
        if state is None:
            return cls.empty()
        place, known = "state of the faded scores", METRICS[task]
        if state.get("format") != FORMAT:
            got = f"format {state.get('format')!r}"
            mend = "use the millstream that wrote it, or another state folder"
            raise MetricError(place, expected=f"format {FORMAT}", got=got, mend=mend)
        sums = state.get("sums")
        if not isinstance(sums, Mapping) or not all(_is_pair(pair) for pair in sums.values()):
            raise MetricError(
                place, expected="two numbers for each metric", got=repr(sums), mend=_MEND
            )
        if not set(sums) <= set(known):
            raise MetricError(
                place, expected=", ".join(known), got=", ".join(sorted(sums)), mend=_MEND
            )
        return cls({name: (float(s), float(b)) for name, (s, b) in sums.items()})


def _is_pair(pair: object) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(part, int | float) and np.isfinite(part) for part in pair)
        and pair[1] >= 0
    )
