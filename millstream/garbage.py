"""What rounds leave behind, let go of without looking through all that TensorFlow made."""

from __future__ import annotations

import gc
import sys
from itertools import count

from ingest.allocator import give_back_freed_memory

__all__ = ["set_aside", "tidy_up"]

KERNELS_EVERY = 20
"""Rounds. The next one makes its kernels anew, which takes it about half a second."""
ROUNDS = count(1)


def set_aside() -> None:
    """What is there now stays out of all later collections of the process.

    It is half a million objects, nearly all of them of modules and traced functions, which stay as
    long as the process. To look through them takes half a second, and others ask for it often, as
    TensorFlow's converter does in each export. Cycles among them are freed before.
    """
    gc.collect()
    gc.freeze()


def tidy_up() -> None:
    """Called after each round: frees what nothing needs any more, and would pile up.

    What only cycles hold, such as a round's datasets, would pile up, and so would kernels:
    TensorFlow keeps one of each operation that it has run once, for the next time. Those of
    datasets are named by the functions in them, which are others in each round: some hundred
    kilobytes a round are never used again. So all of them are dropped now and then.
    """
    number = next(ROUNDS)
    if number == 1:
        set_aside()
    else:
        gc.collect()
    if number % KERNELS_EVERY == 0 and "tensorflow" in sys.modules:
        from tensorflow.python.eager import context

        context.context().clear_kernel_cache()
        give_back_freed_memory()
