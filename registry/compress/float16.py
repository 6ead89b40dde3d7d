"""Weights in float16: half the size, and the same predictions to three digits.

Dense, convolution and embedding layers have them; LiteRT computes in float32.
"""

from __future__ import annotations

from registry.compress import recipe
from registry.compress.inspection import Promise
from registry.compress.scheme import Scheme

__all__ = ["FLOAT16"]

FLOAT16 = Scheme(
    "float16",
    recipe.FLOAT16,
    Promise(frozenset({"FLOAT16"}), frozenset({"FLOAT16"})),
    "FLOAT16",
)
