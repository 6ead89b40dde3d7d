"""What importing and using the registry's read side brings along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import registry
from registry import ModelRegistry

WALL = """
import importlib.abc, sys

class Wall(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise RuntimeError("forbidden import: " + name)

sys.meta_path.insert(0, Wall())
import importlib.metadata
every = importlib.metadata.entry_points  # MLflow looks here for plugins, which are ours as well
importlib.metadata.entry_points = lambda **which: [
    point for point in every(**which) if not point.value.startswith("millstream")
]
"""
READ_SIDE = """
from pathlib import Path
from registry import LiteModel, ModelRegistry
flights = ModelRegistry("flights", sys.argv[1])
(version,) = flights.versions()
assert flights.champion() == version
flights.pull("flights", Path(sys.argv[2]))
print(LiteModel(flights.tflite(version)).input_names)
"""


def run(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_brings_neither_tensorflow_nor_mlflow() -> None:
    names = {"tensorflow", "keras", "mlflow", "pandas", "ai_edge_litert", "ai_edge_quantizer"}
    run(WALL.format(names=names) + "import registry")


def test_reading_and_pulling_never_import_tensorflow(
    flights: ModelRegistry, publication, tmp_path: Path
) -> None:
    flights.publish(publication())
    names = {"tensorflow", "keras", "ai_edge_quantizer", "ingest", "trainer", "millstream"}
    out = run(WALL.format(names=names) + READ_SIDE, flights.tracking_uri, tmp_path / "out")
    assert "carrier" in out
    assert (tmp_path / "out" / "MLmodel").is_file()


def test_the_public_names_are_there_and_sorted() -> None:
    assert list(registry.__all__) == sorted(registry.__all__)
    assert all(hasattr(registry, name) for name in registry.__all__)


def test_every_error_is_a_registry_error() -> None:
    from registry import errors

    for name in errors.__all__:
        assert issubclass(getattr(errors, name), registry.RegistryError)
        assert getattr(errors, name).__doc__
        assert getattr(registry, name) is getattr(errors, name)
