"""Freed memory is used again, not given back and asked for anew with every array."""

from __future__ import annotations

import ctypes
import os

__all__ = ["give_back_freed_memory", "keep_freed_memory"]

# From malloc.h, and the largest value that glibc takes for the second.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
LARGE = 32 << 20
VARIABLES = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


def keep_freed_memory() -> bool:
    """Set glibc's thresholds to what they would have come to by themselves.

    glibc raises them as large arrays are freed, unless somebody sets one: TensorFlow does so for
    the whole process when it first runs a generator. From then on each array above 128 KiB is
    mapped and unmapped by the kernel, page by page; a third of the time of a stream went there.

    Returns:
        Whether they were set: not with another C library, and not when the environment has
        settings of its own.
    """
    tuned = "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if tuned or any(name in os.environ for name in VARIABLES):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGE) and mallopt(TRIM_THRESHOLD, 2 * LARGE))


def give_back_freed_memory() -> bool:
    """Give the system back what is free between what is used.

    Each thread frees and allocates in one of many heaps of glibc's. All of them keep the most that
    they ever needed, at different times: a process with a hundred threads grows by that for hours.

    Returns:
        Whether it was done: not with another C library.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))
