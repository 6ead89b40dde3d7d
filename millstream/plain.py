"""Values as strict JSON can hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["finite"]


def finite(value: Any) -> Any:
    """A copy of nested data without NaN and infinity: left out of mappings, None in lists."""
    if isinstance(value, Mapping):
        return {k: finite(v) for k, v in value.items() if not _is_odd(v)}
    if isinstance(value, (list, tuple)):
        return [None if _is_odd(v) else finite(v) for v in value]
    return value


def _is_odd(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
