"""Int4 weights for dense and embedding layers, int8 for convolutions; biases stay float32.

Tables with rows of an odd width are int8, too. Activations are quantized to int8 as they come.
"""

from __future__ import annotations

from registry.compress.inspection import Promise
from registry.compress.recipe import DYNAMIC_INT4
from registry.compress.scheme import Scheme

__all__ = ["INT4"]

SMALL = frozenset({"INT4", "INT8"})
INT4 = Scheme("int4", DYNAMIC_INT4, Promise(SMALL, SMALL, some="INT4"), "INT4")
