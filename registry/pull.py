"""A pulled version as a directory, written as a whole or not at all."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.errors import PullError
from registry.package import MODEL_FILE, SCHEMA_FILE
from registry.publication import ModelVersion

__all__ = ["complete", "replacing"]

VERSION_FILE = "version.json"
FORMAT = "millstream.pulled/1"


def complete(folder: Path, version: ModelVersion) -> None:
    """Add `model.tflite`, `schema.json` and `version.json` to a downloaded MLflow folder.

    Raises:
        PullError: the folder is not one that millstream packaged.
    """
    try:
        packed = (folder / "artifacts" / MODEL_FILE).read_bytes()
        shutil.copyfile(folder / "artifacts" / SCHEMA_FILE, folder / SCHEMA_FILE)
    except FileNotFoundError as e:
        raise PullError(
            f"{version.name}/{version.version} was not published by millstream: {e.filename} is "
            "not in it; use MLflow to download it"
        ) from e
    (folder / "model.tflite").write_bytes(gzip.decompress(packed))
    text = json.dumps({"format": FORMAT, **version.to_json()}, indent=1)
    (folder / VERSION_FILE).write_text(text, encoding="utf-8")


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A new folder beside `out` that takes its place when the block ends well.

    Raises:
        PullError: `out` is a file, or a directory with contents that were not pulled.
    """
    out = out.resolve()
    check_replaceable(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        fresh, old = Path(scratch) / "new", Path(scratch) / "old"
        fresh.mkdir(mode=0o755)
        yield fresh
        if out.exists():
            out.rename(old)
        fresh.rename(out)


def check_replaceable(out: Path) -> None:
    """Refuse to touch what is not ours.

    Raises:
        PullError: see `replacing`.
    """
    if out.exists() and not out.is_dir():
        raise PullError(f"{out} is a file; give a directory")
    if out.is_dir() and any(out.iterdir()) and not is_pulled(out):
        raise PullError(
            f"{out} is not empty and does not hold a pulled model (no {VERSION_FILE} of ours); "
            "give another directory"
        )


def is_pulled(folder: Path) -> bool:
    """Whether a folder is what `pull` writes."""
    try:
        found = json.loads((folder / VERSION_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and str(found.get("format", "")).startswith("millstream.pulled/")
