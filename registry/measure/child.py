"""The process in which models are timed and weighed: it has no TensorFlow and nothing else to do.

Started by `Measurer` with the parent's process id as argument. Each line of its input is a request,
in JSON: a folder (`0.tflite`, `1.tflite`, ..., `rows.npz`), how many calls to time, and batch
sizes. A fork of its own, which has measured nothing before, answers with a line: for each model
`latency_ms` by batch size and `memory_bytes`; of a model that does not run there is neither. The
answer of one that fails is null. Ends when its input does, or its parent is gone, with all that it
has forked.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

STATUS = Path("/proc/self/status")  # of Linux; elsewhere memory is not measured
PARENT_CHECK_SECONDS = 1.0
WARM_UP = 3
COLUMN = "column "  # before the name of each input
LONGEST_S = 0.3  # of timed calls for a model and a batch size


class Runner:
    """A model that is ready to run one batch again and again."""

    def __init__(self, tflite: bytes, rows: dict[str, Any], batch: int) -> None:
        self.interpreter = Interpreter(model_content=tflite, num_threads=1)
        signature = next(iter(self.interpreter.get_signature_list()))
        given = self.interpreter.get_signature_runner(signature).get_input_details()
        shapes = {name: shape_of(entry, rows[name], batch) for name, entry in given.items()}
        for name, entry in given.items():
            self.interpreter.resize_tensor_input(entry["index"], shapes[name])
        self.interpreter.allocate_tensors()
        for name, entry in given.items():
            column = np.resize(rows[name][:batch].astype(entry["dtype"]), shapes[name])
            self.interpreter.set_tensor(entry["index"], np.ascontiguousarray(column))

    def call(self) -> float:
        """Milliseconds of one call."""
        begun = time.perf_counter_ns()
        self.interpreter.invoke()
        return (time.perf_counter_ns() - begun) / 1e6


def shape_of(entry: dict[str, Any], column: Any, batch: int) -> tuple[int, ...]:
    """The shape of an input for a batch: an axis that is open is as long as that of the rows."""
    wanted = [int(size) for size in entry["shape_signature"]]
    got = column.shape if column.ndim == len(wanted) else wanted
    sizes = zip(wanted[1:], got[1:], strict=True)
    return (batch, *(int(size if size > 0 else found) for size, found in sizes))


def make_runner(tflite: bytes, rows: dict[str, Any], batch: int) -> Runner | None:
    """A runner after its first calls; None where the model does not run."""
    try:
        runner = Runner(tflite, rows, batch)
        for _ in range(WARM_UP):
            runner.call()
    except (ValueError, RuntimeError, KeyError):
        return None
    return runner


def latencies(
    models: list[bytes], rows: dict[str, Any], batch: int, calls: int
) -> list[float | None]:
    """The median of each model, all models by turns."""
    runners = [make_runner(tflite, rows, batch) for tflite in models]
    taken: list[list[float]] = [[] for _ in models]
    for _ in range(calls):
        for runner, times in zip(runners, taken, strict=True):
            if runner is not None and sum(times) < LONGEST_S * 1000:
                times.append(runner.call())
    return [statistics.median(times) if times else None for times in taken]


def memory_bytes(tflite: bytes, rows: dict[str, Any], batch: int) -> int | None:
    """By how much a process grows that runs the model; each is weighed in a fork of its own."""
    if not STATUS.exists():
        return None

    def grown() -> str:
        before = private_bytes()
        runner = make_runner(tflite, rows, batch)
        grown = max(private_bytes() - before, 0)
        return str(grown if runner is not None else -1)

    said = in_fork(grown)
    return int(said) if said and int(said) >= 0 else None


def in_fork(work: Callable[[], str]) -> str:
    """What some work comes to in a fork of its own; nothing if it fails."""
    source, target = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(source)
            with os.fdopen(target, "w") as pipe:
                pipe.write(work())
            os._exit(0)
        except Exception:  # noqa: BLE001 - whatever it is, it is told to the parent
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(target)
    with os.fdopen(source) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def private_bytes() -> int:
    """Memory of this process that is in no file; that of its code is."""
    lines = STATUS.read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def measured(folder: str, calls: int, batches: list[int]) -> str:
    """What the folder's models cost, in JSON."""
    files = sorted(Path(folder).glob("*.tflite"), key=lambda file: int(file.stem))
    models = [file.read_bytes() for file in files]
    with np.load(Path(folder) / "rows.npz") as stored:
        rows = {name.removeprefix(COLUMN): stored[name] for name in stored.files}
    for tflite in models[:1]:  # so that LiteRT's own code is in memory, and is not weighed
        make_runner(tflite, rows, 1)
    weighed = [memory_bytes(tflite, rows, max(batches)) for tflite in models]
    found = {batch: latencies(models, rows, batch, calls) for batch in batches}
    told = [
        {
            "latency_ms": {batch: ms for batch in batches if (ms := found[batch][i]) is not None},
            "memory_bytes": weighed[i],
        }
        for i in range(len(models))
    ]
    return json.dumps(told)


def end_with(parent: int) -> None:
    """End this process and its forks, also one that hangs, soon after its parent is gone."""

    def look(*_: object) -> None:
        if os.getppid() != parent:
            os.killpg(0, signal.SIGKILL)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, PARENT_CHECK_SECONDS, PARENT_CHECK_SECONDS)


def main() -> None:
    """Answer requests until there are no more."""
    end_with(int(sys.argv[1]))
    for line in sys.stdin:
        request = json.loads(line)
        sys.stdout.write((in_fork(lambda: measured(**request)) or "null") + "\n")  # noqa: B023
        sys.stdout.flush()


if __name__ == "__main__":
    main()
