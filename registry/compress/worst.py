"""Which operations a rung hurts most: each is kept larger by itself, and answers compared."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from registry.artifact import Tflite
from registry.compress.inspection import MOVING
from registry.compress.naming import kept_operations
from registry.compress.rung import Revertible, keep_in
from registry.compress.subject import Subject
from registry.errors import CompressionError
from registry.flatbuffer import LOOKING_UP, MULTIPLYING, weights
from registry.litert import LiteModel
from registry.operations import Operation, operations

__all__ = ["OpError", "worst_ops"]


@dataclass(frozen=True)
class OpError:
    """What one operation, or several that share a weight, does to the answers.

    Attributes:
        names: for the rung's `keep`.
        op: kind of the operation, such as `FULLY_CONNECTED`.
        error: root mean squared error of the outputs when it is kept, as a share of the spread of
            the float32 outputs.
        gain: by how much that error is less than when it is not.
        more_bytes: by how much the file is larger.
    """

    names: tuple[str, ...]
    op: str
    error: float
    gain: float
    more_bytes: int


def worst_ops(
    rung: Revertible,
    subject: Subject,
    features: Mapping[str, Any],
    most: int = 12,
    seconds: float = 30.0,
) -> list[OpError]:
    """The operations whose return to larger numbers mends the answers most, the best first.

    The operations are tried from the outputs back, since errors made there are corrected by
    nothing after them.

    Args:
        rung: that applies to the subject; what it keeps already is not tried.
        subject: the model.
        features: rows to predict.
        most: operations to try, at most: each is a model quantized and run.
        seconds: after which no other one is tried.

    Returns:
        An entry for each one tried; one that the rung cannot keep is left out.

    Raises:
        CompressionError: the rung does not apply.
    """
    until = time.monotonic() + seconds
    exact = outputs(subject.float32, features)
    made = rung.apply(subject)
    whole = error_of(outputs(made, features), exact)
    found = []
    for names, op in list(candidates(subject.float32, made, rung.keep))[:most]:
        if time.monotonic() >= until:
            break
        try:
            mended = keep_in(rung, (*rung.keep, *names)).apply(subject)
        except CompressionError:
            continue
        error = error_of(outputs(mended, features), exact)
        found.append(OpError(names, op, error, whole - error, len(mended) - len(made)))
    return sorted(found, key=lambda entry: -entry.gain)


def candidates(
    float32: Tflite, made: Tflite, kept: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Names and kind of what can be kept, from the outputs back.

    Those are the weights, each with all operations that use it; and where activations are
    quantized too, every other operation that computes.
    """
    activations = any(o.op == "QUANTIZE" for o in operations(made))
    stored = {w.name for w in weights(float32)}
    before = kept_operations(float32, kept)
    seen = {o.scope for o in before} | stored & {name for o in before for name in o.constants}
    for operation in reversed(operations(float32)):
        names = {*operation.names, *operation.constants, operation.scope}
        if operation.op in MULTIPLYING | LOOKING_UP and stored & set(operation.constants):
            wanted = tuple(sorted(stored & set(operation.constants)))
        elif activations and computes(operation):
            wanted = (operation.scope,)
        else:
            continue
        if not seen & (names | set(wanted)):
            seen |= set(wanted)
            yield wanted, operation.op


def computes(operation: Operation) -> bool:
    """Whether an operation of the main graph makes new floating-point numbers."""
    return operation.op not in MOVING and operation.dtype == "FLOAT32" and not operation.graph


def outputs(tflite: Tflite, features: Mapping[str, Any]) -> dict[str, Any]:
    """Predictions by output."""
    predicted = LiteModel(tflite).predict(features)
    return predicted if isinstance(predicted, dict) else {"": predicted}


def error_of(got: dict[str, Any], exact: dict[str, Any]) -> float:
    """Root mean squared error over all outputs, each as a share of its own spread."""
    shares = [
        np.square(got[name] - values).mean() / max(float(np.var(values)), 1e-12)
        for name, values in exact.items()
    ]
    return float(np.sqrt(np.mean(shares)))
