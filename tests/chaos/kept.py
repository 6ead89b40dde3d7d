"""A trial's folder, which stays to be looked at when the trial fails."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["kept_if_it_fails"]


@contextmanager
def kept_if_it_fails(what: str) -> Iterator[Path]:
    """A new folder of a name that begins so; removed when the body has ended well, else named."""
    folder = Path(tempfile.mkdtemp(prefix=f"{what}-"))
    try:
        yield folder
    except BaseException:
        print(f"what is left lies in {folder}", flush=True)
        raise
    shutil.rmtree(folder)
