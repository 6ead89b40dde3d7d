"""The end of a process that reads streams: their iterators end before Python does.

What makes a stream's chunks is Python, and an iterator calls it once more when it ends itself.
Python's end takes iterators apart while it lets no other thread run any more: such a call would
never come back, and neither would the end. Datasets of `ingest.from_function` have no such call,
and only wait until none is under way.
"""

from __future__ import annotations

import atexit
import gc
import os
import threading
import weakref
from typing import Any

from ingest.stream.stream import Run

__all__ = ["end_before_python"]

LIVE: weakref.WeakSet[Run] = weakref.WeakSet()
"""Runs that an iterator may read."""
LOCK = threading.Lock()
AT_MOST_S = 10.0


def end_before_python(run: Run) -> None:
    """Let a run end with the process, and the iterator that reads it.

    A thread that reads the iterator at that time gets an error.
    """
    with LOCK:
        LIVE.add(run)


@atexit.register
def _end() -> None:
    """End all runs, and all iterators that are left: one may lie under any number of others.

    One that waits for another's generator may never end, so it is waited for `AT_MOST_S`.
    """
    with LOCK:
        runs = list(LIVE)
    if runs:
        ending = threading.Thread(target=_take_apart, args=(runs,), daemon=True)
        ending.start()
        ending.join(AT_MOST_S)


def _take_apart(runs: list[Run]) -> None:
    for run in runs:
        run.close()
    for found in gc.get_objects():
        if type(found).__name__ == "OwnedIterator":  # TensorFlow's, which has no public name
            _let_go(found)


def _let_go(iterator: Any) -> None:
    """End an iterator's threads, and wait for them: they end with the last who refers to it."""
    iterator._iterator_resource = None


os.register_at_fork(after_in_child=LIVE.clear)  # the threads that read are not in the child
