"""Cycles that a round leaves behind, found without looking through all that TensorFlow made."""

from __future__ import annotations

import gc

__all__ = ["collect_cycles"]


def collect_cycles() -> None:
    """Free what only cycles hold, such as a round's datasets: left alone, they would pile up.

    What is there after the first call stays out of all later collections of the process, also of
    those that others ask for, as TensorFlow's converter does in each export. It is half a million
    objects, nearly all of them of modules and traced functions, which stay as long as the process.
    """
    gc.collect()
    if not gc.get_freeze_count():
        gc.freeze()
