"""What each rung brings on the three models: `python -m bench.compress.changes`.

Scores are of rows that no one has seen; sizes are of the file and of its gzip; latency is the
median of one row's `invoke`, over that of float32, with runs that take turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.compress.models import MODELS, Trained, score, train
from registry import (
    Artifact,
    LadderSettings,
    LiteModel,
    SkippedRung,
    Subject,
    default_quantizer,
    export_float32,
    ladder,
)

__all__ = ["main"]

CHANGES = ("pruned", "channels25", "channels50", "layers", "relu")
RUNGS = ("int8", "static_int8", *(f"{change}_int8" for change in CHANGES))
TURNS, RUNS = 15, 20
HEADER = f"{'model':10}{'rung':24}{'score':>8}{'bytes':>9}{'ratio':>7}{'gzip':>7}{'time':>7}"


def load(name: str, folder: Path | None) -> Trained:
    """A trained model, kept in a folder if there is one."""
    import keras

    kept = folder / f"{name}.keras" if folder else None
    if kept is None or not kept.exists():
        trained = train(name)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            trained.model.save(kept)
        return trained
    _, rows, metric, _ = MODELS[name]
    return Trained(name, keras.models.load_model(kept), *rows(), metric)


def ready(tflite: bytes, trained: Trained) -> Any:
    """An interpreter with one row in it."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=tflite, num_threads=1)
    runner = interpreter.get_signature_runner()
    names = runner.get_input_details()
    row = trained.judged.take(slice(1)).features
    given = {}
    for name, details in names.items():
        shape = [1, *details["shape_signature"][1:]]
        given[name] = np.asarray(row[name], details["dtype"]).reshape(shape)
    runner(**given)
    return interpreter


def latencies(tflites: Sequence[bytes], trained: Trained) -> list[float]:
    """Median seconds of one row for each, taking turns."""
    every = [ready(tflite, trained) for tflite in tflites]
    times: list[list[float]] = [[] for _ in every]
    for _ in range(TURNS):
        for interpreter, taken in zip(every, times, strict=True):
            for _ in range(RUNS):
                start = time.perf_counter()
                interpreter.invoke()
                taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def table(trained: Trained, rungs: Sequence[str]) -> Iterator[str]:
    """The lines of one model."""
    subject = Subject(export_float32(trained.model), trained.model, None, trained.learned, seed=1)
    made = ladder(subject, LadderSettings(rungs=tuple(rungs)))
    artifacts = [rung for rung in made if isinstance(rung, Artifact)]
    times = latencies([artifact.tflite for artifact in artifacts], trained)
    first = artifacts[0]
    for artifact, taken in zip(artifacts, times, strict=True):
        found = score(trained, LiteModel(artifact.tflite).predict(trained.judged.features))
        size, packed = artifact.bytes / first.bytes, artifact.gzip_bytes / first.bytes
        yield (
            f"{trained.name:10}{artifact.rung:24}{found:8.4f}{artifact.bytes:9,}{size:7.3f}"
            f"{packed:7.3f}{taken / times[0]:7.2f}"
        )
    for rung in made:
        if isinstance(rung, SkippedRung):
            yield f"{trained.name:10}{rung.rung:24} {rung.reason}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--rungs", nargs="+", default=list(RUNGS))
    parser.add_argument("--folder", type=Path, help="where trained models are kept")
    given = parser.parse_args()
    print(HEADER, flush=True)
    for name in given.models:
        for line in table(load(name, given.folder), given.rungs):
            print(line, flush=True)
    default_quantizer().close()


if __name__ == "__main__":
    main()
