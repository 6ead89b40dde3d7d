"""Artifacts that are not what was published are told apart, and nothing of them is written."""

from __future__ import annotations

import gzip
import json
import mimetypes
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import ModelRegistry, PullError
from registry.package import FLOAT32_FILE, MODEL_FILE
from registry.pull import read_pulled


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, empty_store: Path, publication):
    """A store with two versions; its artifacts are put back after each test."""
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    registry = ModelRegistry("flights", f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    registry.publish(publication())
    registry.publish(publication(round=2))
    return registry, folder


def file_of(folder: Path, registry: ModelRegistry, pattern: str) -> Path:
    run = registry.version(2).run_id
    (found,) = (p for p in (folder / "artifacts").rglob(pattern) if run in p.parts)
    return found


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def another_model(packed: bytes) -> bytes:
    """Gzip's own checksum is right here."""
    return gzip.compress(flipped(gzip.decompress(packed)))


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


MODEL, SCHEMA = "model/artifacts/model.tflite.gzip", "model/artifacts/schema.json"


@pytest.mark.parametrize(
    ("pattern", "damage", "told"),
    [
        (MODEL, another_model, "model of flights/2 .*expected SHA-256 [0-9a-f]{64}, got [0-9a-f]"),
        (MODEL, flipped, r"the model of flights/2 is damaged: expected a whole gzip file, got \d+"),
        (MODEL, truncated, "the model of flights/2 is damaged: expected a whole gzip file"),
        (MODEL, lambda _: b"", r"the model of flights/2 is damaged: expected .*\(0 bytes\)"),
        (SCHEMA, flipped, "the schema of flights/2 is damaged: expected SHA-256 [0-9a-f]{64}, got"),
        (SCHEMA, truncated, "the schema of flights/2 is damaged: expected SHA-256"),
        ("millstream_predictor_*/encode.py", flipped, "the code of flights/2 is damaged"),
        ("millstream_predictor_*/encode.py", truncated, "the code of flights/2 is damaged"),
    ],
)
def test_what_is_damaged_in_the_store_is_told_and_not_written(
    shelf, tmp_path: Path, pattern: str, damage: Callable[[bytes], bytes], told: str
) -> None:
    registry, folder = shelf
    out = tmp_path / "out"
    registry.pull("flights/1", out)
    path = file_of(folder, registry, pattern)
    content = path.read_bytes()
    path.write_bytes(damage(content))
    try:
        with pytest.raises(PullError, match=told):
            registry.pull("flights/2", tmp_path / "fresh")
        with pytest.raises(PullError, match=told):
            registry.pull("flights/2", out)
    finally:
        path.write_bytes(content)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert read_pulled(out).version == 1
    registry.pull("flights/2", out)
    assert read_pulled(out) == registry.version(2)


@pytest.mark.parametrize("name", ["model.tflite", "schema.json", "artifacts/model.tflite.gzip"])
def test_a_pulled_folder_that_has_changed_is_told(shelf, tmp_path: Path, name: str) -> None:
    shelf[0].pull("flights/1", tmp_path / "out")
    path = tmp_path / "out" / name
    content = path.read_bytes()
    path.write_bytes(flipped(content))
    with pytest.raises(PullError, match="is damaged: expected"):
        read_pulled(tmp_path / "out")
    path.unlink()
    with pytest.raises(PullError, match="not whole"):
        read_pulled(tmp_path / "out")


def test_versions_from_before_the_schema_had_a_digest_are_pulled(shelf, tmp_path: Path) -> None:
    shelf[0].pull("flights/1", tmp_path / "out")
    path = tmp_path / "out" / "version.json"
    told = json.loads(path.read_text())
    del told["tags"]["millstream.schema_sha256"]
    path.write_text(json.dumps(told))
    assert read_pulled(tmp_path / "out").version == 1


@pytest.mark.parametrize("name", [MODEL_FILE, FLOAT32_FILE])
def test_no_store_takes_a_packed_model_for_one_to_unpack(name: str) -> None:
    assert mimetypes.guess_type(name)[1] is None
