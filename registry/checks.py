"""Conformance check for those who write their own rung: call it in a test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from registry.compress.rung import Rung
from registry.compress.subject import Subject
from registry.litert import LiteModel

__all__ = ["check_rung"]


def check_rung(rung: Rung, subject: Subject, features: Mapping[str, np.ndarray]) -> None:
    """Prove what `Rung` promises: pure, no larger, same inputs and output shape, finite outputs.

    Args:
        rung: that applies to this model.
        subject: that model.
        features: rows that the model can predict.

    Raises:
        AssertionError: it does not hold; the text says what was expected.
    """
    float32 = subject.float32
    before = bytes(float32)
    smaller = rung.apply(subject)
    _require(bool(rung.name), "a name")
    _require(float32 == before, "the float32 bytes to stay as they are")
    _require(rung.apply(subject) == smaller, "the same bytes twice")
    _require(len(smaller) <= len(float32), f"at most {len(float32)} bytes, got {len(smaller)}")
    old, new = LiteModel(float32), LiteModel(smaller)
    _require(new.input_names == old.input_names, f"the inputs {old.input_names}")
    expected, got = old.predict(features), new.predict(features)
    _require(got.shape == expected.shape, f"outputs of shape {expected.shape}, got {got.shape}")
    _require(bool(np.isfinite(got).all()), "finite outputs")


def _require(holds: bool, expected: str) -> None:
    if not holds:
        raise AssertionError(f"expected {expected}")
