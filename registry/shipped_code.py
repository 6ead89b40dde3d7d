"""The predictor's code as it ships in an artifact: a package of its own, named by its content.

Python keeps one module of a name in a process. By their names the codes of two versions are either
the same or apart, so a process can hold any two versions, also while it goes from one to the next.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["ENTRY", "importable", "is_whole", "ship"]

ENTRY = "predictor.py"
"""What MLflow runs."""

PREFIX = "millstream_predictor_"
SOURCE = Path(__file__).with_name("predictor")
RUN = '''"""What MLflow runs: it hands over the predictor of this version."""

from mlflow.models import set_model
from {package}.pyfunc import Predictor

set_model(Predictor())
'''


def ship(folder: Path) -> tuple[Path, Path]:
    """Write the code into a folder.

    Returns:
        The file that MLflow runs, and the package that it imports.
    """
    package = folder / f"{PREFIX}{digest_of(SOURCE)}"
    package.mkdir(parents=True)
    for file in SOURCE.glob("*.py"):
        shutil.copyfile(file, package / file.name)
    entry = folder / ENTRY
    entry.write_text(RUN.format(package=package.name), encoding="utf-8")
    return entry, package


def is_whole(package: Path) -> bool:
    """Whether a package that shipped holds the code that its name says; others are none of ours."""
    return not package.name.startswith(PREFIX) or package.name == PREFIX + digest_of(package)


def digest_of(package: Path) -> str:
    """What stands for the content of a package in its name."""
    digest = hashlib.sha256()
    for file in sorted(package.glob("*.py")):
        digest.update(f"{file.name} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let packages in a folder be imported in the block."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
