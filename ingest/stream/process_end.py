"""The end of a process that reads streams: their iterators end before Python does.

What makes a stream's chunks is Python, and an iterator calls it once more when it ends itself.
Python's end takes iterators apart while it lets no other thread run any more: such a call would
never come back, and neither would the end.
"""

from __future__ import annotations

import atexit
import gc
import weakref
from typing import Any

from tensorflow.python.data.ops.iterator_ops import OwnedIterator

from ingest.stream.stream import Run

__all__ = ["end_before_python"]

LIVE: weakref.WeakSet[Run] = weakref.WeakSet()
"""Runs that an iterator may read."""


def end_before_python(run: Run) -> None:
    """Let a run end with the process, and the iterator that reads it."""
    LIVE.add(run)


@atexit.register
def _end() -> None:
    """End all runs, and all iterators that are left: one may lie under any number of others."""
    if not LIVE:
        return
    for run in list(LIVE):
        run.close()
    for found in gc.get_objects():
        if type(found) is OwnedIterator:
            _take_apart(found)


def _take_apart(iterator: Any) -> None:
    """End an iterator's threads, and wait for them: they end with what it refers to."""
    iterator._iterator_resource = None
