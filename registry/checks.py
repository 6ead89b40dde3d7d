"""Conformance check for those who write their own rung: call it in a test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from registry.compress.rung import Rung
from registry.litert import LiteModel

__all__ = ["check_rung"]


def check_rung(rung: Rung, float32: bytes, features: Mapping[str, np.ndarray]) -> None:
    """Prove what `Rung` promises: pure, no larger, same inputs and output shape, finite outputs.

    Args:
        rung: that applies to this model.
        float32: the model's float32 export.
        features: rows that the model can predict.

    Raises:
        AssertionError: it does not hold; the text says what was expected.
    """
    before = bytes(float32)
    smaller = rung.apply(float32)
    _require(bool(rung.name), "a name")
    _require(float32 == before, "the float32 bytes to stay as they are")
    _require(rung.apply(float32) == smaller, "the same bytes twice")
    _require(len(smaller) <= len(float32), f"at most {len(float32)} bytes, got {len(smaller)}")
    old, new = LiteModel(float32), LiteModel(smaller)
    _require(new.input_names == old.input_names, f"the inputs {old.input_names}")
    expected, got = old.predict(features), new.predict(features)
    _require(got.shape == expected.shape, f"outputs of shape {expected.shape}, got {got.shape}")
    _require(bool(np.isfinite(got).all()), "finite outputs")


def _require(holds: bool, expected: str) -> None:
    if not holds:
        raise AssertionError(f"expected {expected}")
