"""Dynamic-range int8: weights int8, activations quantized as they come.

Dense, convolution and embedding layers have them; biases stay float32.
"""

from __future__ import annotations

from registry.compress.inspection import Promise
from registry.compress.recipe import DYNAMIC_INT8
from registry.compress.scheme import Scheme

__all__ = ["INT8"]

INT8 = Scheme("int8", DYNAMIC_INT8, Promise(frozenset({"INT8"}), frozenset({"INT8"})), "INT8")
