"""How long a consumer waits: for a version to load, and for the prediction of one record.

The version is the small flights model, published to a store of its own and pulled, as anyone would.
"""

from __future__ import annotations

import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from registry import Artifact, LiteModel, ModelRegistry, Publication

if TYPE_CHECKING:
    from registry import Examples

__all__ = ["loading"]

COLD = """
import json, sys, time
begun = time.perf_counter()
{load}
model.predict(json.loads(sys.argv[2]))
taken = time.perf_counter() - begun
assert not {{"tensorflow", "keras"}} & set(sys.modules)
print(taken)
"""
WAYS = {
    "": "import millstream; model = millstream.load(sys.argv[1])",
    "_pyfunc": "import mlflow.pyfunc; model = mlflow.pyfunc.load_model(sys.argv[1])",
}
STARTS, TURNS, CALLS = 5, 20, 50
Call = Callable[[], Any]


@dataclass(frozen=True)
class Version:
    """A version that was pulled.

    Attributes:
        folder: where it lies.
        record: a raw record.
        encoded: the same as the model takes it.
        tflite: the model.
    """

    folder: Path
    record: Mapping[str, Any]
    encoded: Mapping[str, np.ndarray]
    tflite: bytes


def loading(artifact: Artifact, float32: bytes, rows: Examples) -> dict[str, float]:
    """Seconds of a cold load, and the times of one record over raw LiteRT's, printed too.

    Args:
        artifact: what ships.
        float32: what it came from.
        rows: some that the model takes, one vector or scalar for each input.
    """
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as folder:
        version = publish(artifact, float32, rows, Path(folder))
        found = {f"cold_load{way}_s": cold(code, version) for way, code in WAYS.items()}
        times = warm(version)
    print("\nOne record, median: " + ", ".join(f"{n} {t * 1e6:.1f} us" for n, t in times.items()))
    print(", ".join(f"{name} {seconds:.2f}" for name, seconds in found.items()), flush=True)
    return found | {
        "warm_predict_vs_litert": times["millstream.load"] / times["LiteRT"],
        "pyfunc_predict_vs_litert": times["pyfunc"] / times["LiteRT"],
    }


def publish(artifact: Artifact, float32: bytes, rows: Examples, folder: Path) -> Version:
    """Publish to a store of its own, and pull."""
    fields, record = [], {}
    for name, column in rows.features.items():
        value = np.ravel(column)[0]
        field: dict[str, Any] = {"name": name, "role": "feature", "dtype": "float32"}
        if column.dtype == np.int32:
            field |= {"dtype": "category", "vocabulary": words(name, int(column.max()))}
            record[name] = words(name, int(value))[-1]
        else:
            record[name] = float(value)
        fields.append(field)
    fields.append({"name": "late", "role": "label", "dtype": "bool"})
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    registry = ModelRegistry("flights", f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    example = {name: [value] for name, value in record.items()}
    schema = {"fields": fields, "task": "binary"}
    registry.publish(Publication(1, artifact, float32, schema, {}, {}, {}, example, True, "first"))
    registry.pull("flights", folder / "pulled")
    encoded = LiteModel(artifact.tflite).fit(rows.take(slice(1)).features)
    return Version(folder / "pulled", record, encoded, artifact.tflite)


def words(name: str, count: int) -> list[str]:
    """So many words of a vocabulary."""
    return [f"{name[0].upper()}{number:05d}" for number in range(1, count + 1)]


def cold(code: str, version: Version) -> float:
    """Median seconds from the first import to the first prediction, in new processes."""
    command = [sys.executable, "-c", COLD.format(load=code), str(version.folder)]
    taken = []
    for _ in range(STARTS):
        done = subprocess.run(
            [*command, json.dumps(version.record)], capture_output=True, text=True, check=True
        )
        taken.append(float(done.stdout))
    return statistics.median(taken)


def warm(version: Version) -> dict[str, float]:
    """Median seconds of one record by each way, all by turns."""
    import mlflow.pyfunc
    import pandas as pd

    import millstream

    loaded, pyfunc = millstream.load(version.folder), mlflow.pyfunc.load_model(str(version.folder))
    frame = pd.DataFrame([version.record])
    ways: dict[str, Call] = {
        "LiteRT": raw(version),
        "millstream.load": lambda: loaded.predict(version.record),
        "pyfunc": lambda: pyfunc.predict(version.record),
        "pyfunc of a frame": lambda: pyfunc.predict(frame),
    }
    answers = {name: np.ravel(call())[0] for name, call in ways.items()}
    if np.ptp(list(answers.values())) > 1e-6:
        raise RuntimeError(f"expected one answer by every way, got {answers}")
    return by_turns(ways)


def raw(version: Version) -> Call:
    """LiteRT itself over arrays that are there: set, invoke, get."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=version.tflite, num_threads=1)
    interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner()
    inputs = [
        (entry["index"], version.encoded[name])
        for name, entry in runner.get_input_details().items()
    ]
    (output,) = (entry["index"] for entry in runner.get_output_details().values())

    def call() -> Any:
        for index, array in inputs:
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        return interpreter.get_tensor(output)

    return call


def by_turns(ways: Mapping[str, Call]) -> dict[str, float]:
    """Median seconds of a call of each."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, call in ways.items():
            for _ in range(CALLS):
                begun = time.perf_counter()
                call()
                taken[name].append(time.perf_counter() - begun)
    return {name: statistics.median(times) for name, times in taken.items()}
