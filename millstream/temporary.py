"""A temporary folder of a service's process: what is left in it goes with the process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["own_temporary_folder"]

VARIABLE = "TMPDIR"


@contextmanager
def own_temporary_folder() -> Iterator[None]:
    """Have all temporary files of this process, and of those it starts, in a folder of its own.

    TensorFlow writes a file for each function that it converts, and removes it only when a process
    ends as programs do: not when it is killed, nor when it was forked. The folder is removed at the
    end of the body; that of a killed process by the next one that has one (`registry.scratch`).
    """
    from registry.scratch import scratch_folder

    with scratch_folder("process") as folder:
        before, given = tempfile.tempdir, os.environ.get(VARIABLE)
        tempfile.tempdir = os.environ[VARIABLE] = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before
            os.environ.pop(VARIABLE)
            if given is not None:
                os.environ[VARIABLE] = given
