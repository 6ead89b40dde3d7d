"""A pulled version as a directory: what was published, written as a whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry import tags as tag
from registry.errors import PullError
from registry.package import MODEL_FILE, SCHEMA_FILE
from registry.publication import ModelVersion
from registry.shipped_code import is_whole

__all__ = ["PULLED_MODEL", "complete", "is_pulled", "read_pulled", "replacing"]

PULLED_MODEL = "model.tflite"
VERSION_FILE = "version.json"
FORMAT = "millstream.pulled/1"


def complete(folder: Path, version: ModelVersion) -> None:
    """Add `model.tflite`, `schema.json` and `version.json` to a downloaded MLflow folder.

    Raises:
        PullError: the folder is not one that millstream packaged, or not what was published.
    """
    for name in (MODEL_FILE, SCHEMA_FILE):
        if not (folder / "artifacts" / name).is_file():
            raise PullError(
                f"{version.name}/{version.version} was not published by millstream: artifacts/"
                f"{name} is not in it; use MLflow to download it"
            )
    tflite = check_download(folder, version)
    shutil.copyfile(folder / "artifacts" / SCHEMA_FILE, folder / SCHEMA_FILE)
    (folder / PULLED_MODEL).write_bytes(tflite)
    text = json.dumps({"format": FORMAT, **version.to_json()}, indent=1)
    (folder / VERSION_FILE).write_text(text, encoding="utf-8")


def read_pulled(folder: Path) -> ModelVersion:
    """The version that a pulled folder holds, once every file of it is found to be whole.

    Raises:
        PullError: the folder was not pulled, or has changed since.
    """
    try:
        told = json.loads((folder / VERSION_FILE).read_text(encoding="utf-8"))
        version = ModelVersion.from_json(told)
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise PullError(
            f"{folder} does not hold a pulled model (no {VERSION_FILE} of ours); pull one into it"
        ) from e
    try:
        tflite = check_download(folder, version)
        schema = (folder / "artifacts" / SCHEMA_FILE).read_bytes()
        for name, content in ((PULLED_MODEL, tflite), (SCHEMA_FILE, schema)):
            check(str(folder / name), sha256(content), (folder / name).read_bytes())
    except OSError as e:
        raise PullError(f"{folder} is not whole: {e}; pull it again") from e
    return version


def check_download(folder: Path, version: ModelVersion) -> bytes:
    """The LiteRT bytes of an MLflow folder, once its files are found to be what was published.

    Raises:
        PullError: a file is not; says which, what was expected, and what came.
        OSError: a file cannot be read.
    """
    what = f"{version.name}/{version.version}"
    schema = (folder / "artifacts" / SCHEMA_FILE).read_bytes()
    tflite = unpacked(f"the model of {what}", (folder / "artifacts" / MODEL_FILE).read_bytes())
    check(f"the model of {what}", version.tags.get(tag.SHA256), tflite)
    check(f"the schema of {what}", version.tags.get(tag.SCHEMA_SHA256), schema)
    for package in sorted((folder / "code").glob("*/")):
        if not is_whole(package):
            raise PullError(
                f"the code of {what} is damaged: {package.name} does not hold what its name says"
            )
    if not (folder / "MLmodel").is_file():
        raise PullError(f"{what} is damaged: expected a file MLmodel, got none")
    return tflite


def unpacked(what: str, packed: bytes) -> bytes:
    """Bytes out of gzip's.

    Raises:
        PullError: they are damaged, or not all there.
    """
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as e:
        raise PullError(
            f"{what} is damaged: expected a whole gzip file, got {len(packed)} bytes ({e})"
        ) from e


def check(what: str, expected: str | None, content: bytes) -> None:
    """Compare content with the digest that it had; a version of old may have none.

    Raises:
        PullError: they differ.
    """
    found = sha256(content)
    if expected and found != expected:
        raise PullError(
            f"{what} is damaged: expected SHA-256 {expected}, got {found} ({len(content)} bytes)"
        )


def sha256(content: bytes) -> str:
    """A digest in hex."""
    return hashlib.sha256(content).hexdigest()


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
    """Whether a folder is what `pull` writes, whole or not."""
    try:
        found = json.loads((folder / VERSION_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and str(found.get("format", "")).startswith("millstream.pulled/")
