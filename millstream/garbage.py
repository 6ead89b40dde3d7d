"""What rounds leave behind, let go of without looking through all that TensorFlow made."""

from __future__ import annotations

import gc
import sys
from itertools import count

from ingest.allocator import give_back_freed_memory

__all__ = ["collect_cycles", "tidy_up"]

KERNELS_EVERY = 20
"""Rounds. The next one makes its kernels anew, which takes it about half a second."""
ROUNDS = count(1)


def tidy_up() -> None:
    """Called after each round: frees what nothing needs any more, and would pile up.

    TensorFlow keeps a kernel of each operation that it has run once, for the next time. Those of
    datasets are named by the functions in them, which are others in each round: some hundred
    kilobytes a round are never used again. So all of them are dropped now and then.
    """
    collect_cycles()
    if next(ROUNDS) % KERNELS_EVERY == 0 and "tensorflow" in sys.modules:
        from tensorflow.python.eager import context

        context.context().clear_kernel_cache()
        give_back_freed_memory()


def collect_cycles() -> None:
    """Free what only cycles hold, such as a round's datasets: left alone, they would pile up.

    What is there after the first call stays out of all later collections of the process, also of
    those that others ask for, as TensorFlow's converter does in each export. It is half a million
    objects, nearly all of them of modules and traced functions, which stay as long as the process.
    """
    gc.collect()
    if not gc.get_freeze_count():
        gc.freeze()
