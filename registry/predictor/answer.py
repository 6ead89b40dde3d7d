"""What a model's outputs say: a decision by a threshold, or the words of the label."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from .runtime import InputError

__all__ = ["THRESHOLD", "answer", "checked_params", "params_of"]

THRESHOLD = 0.5
"""Beyond it a probability is a yes, as the accuracy of the gate has it, if nothing else is said."""
BOOLEANS = (bool, np.bool_)
KINDS: dict[str, tuple[str, Any]] = {
    "batch": ("a whole number", Integral),
    "labels": ("True or False", BOOLEANS),
    "threshold": ("a number", Real),
}


def params_of(task: str | None) -> tuple[str, ...]:
    """The parameters of `answer` that make sense for a task."""
    return {"binary": ("labels", "threshold"), "multiclass": ("labels",)}.get(task or "", ())


def checked_params(task: str | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that were given; those that are None were not.

    Args:
        task: of the model.
        params: name -> value, as somebody called with them.

    Raises:
        InputError: they are no mapping, the task has no such parameter, or a value is of another
            type.
    """
    if not isinstance(params, Mapping):
        raise InputError(f"params: expected a dict of them, got {type(params).__name__}")
    given = {name: value for name, value in params.items() if value is not None}
    known = ("batch", *params_of(task))
    if strange := [name for name in given if name not in known]:
        raise InputError(f"params: this model has no {strange}; it has {list(known)}")
    for name, value in given.items():
        expected, kind = KINDS[name]
        is_flag = isinstance(value, BOOLEANS)
        if not isinstance(value, kind) or (is_flag and kind is not BOOLEANS):
            raise InputError(f"{name}: expected {expected}, got {value!r:.100}")
    return given


def answer(
    schema: Mapping[str, Any], output: np.ndarray, threshold: float | None, labels: bool
) -> np.ndarray:
    """Outputs as they are, as booleans, or as words.

    Args:
        schema: of the version: its task, and the field of its label.
        output: float32 `[rows]`, or `[rows, classes]`.
        threshold: of a binary task: a probability above it is a yes. None gives probabilities, or
            0.5 where words are wanted.
        labels: give what the label says. It wins over the probabilities.

    Returns:
        `output` as it is; or bool `[rows]` of a binary task; or with `labels` the label's words,
        objects `[rows]`. A label without words is bool of a binary task, else the class, int64.

    Raises:
        InputError: the task has no such thing, or the threshold is not from 0 to 1.
    """
    task = schema.get("task")
    if threshold is None and not labels:
        return output
    if threshold is not None and task != "binary":
        raise InputError(f"threshold: only a binary task has one, and this one is {task}")
    if task not in {"binary", "multiclass"}:
        raise InputError(f"labels: only tasks with classes have them, and this one is {task}")
    if task == "multiclass":
        return words(schema, output.argmax(axis=1)) if labels else output
    border = THRESHOLD if threshold is None else threshold
    if not 0.0 <= border <= 1.0:
        raise InputError(f"threshold: expected a number from 0 to 1, got {border!r}")
    chance = output[:, 1] if output.ndim == 2 else output
    decided = np.asarray(chance > border)
    return words(schema, decided) if labels else decided


def words(schema: Mapping[str, Any], classes: np.ndarray) -> np.ndarray:
    """The label's words for classes; the classes themselves of a label without words."""
    found = [field for field in schema["fields"] if field["role"] == "label"]
    known = list(found[0].get("vocabulary", ())) if found else []
    if not known:
        return classes
    most = int(classes.max(initial=0))  # a model may have more outputs than there are words
    known += [str(place) for place in range(len(known), most + 1)]
    return np.asarray(known, dtype=object)[classes.astype(np.int64)]
