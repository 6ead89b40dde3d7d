"""The process in which ai-edge-quantizer runs, because it can take its process down with it.

Started by `Quantizer` with the parent's process id as argument. Reads requests from standard input
and answers on standard output, both as frames: a line of JSON with `size`, then that many bytes.
Those of a request are `model` bytes of a LiteRT model, and the rest, if any, is an npz file of rows
to calibrate by; its `recipe` is what ai-edge-quantizer takes. What is made is run once, so that
bytes which take LiteRT down do so here. Ends at once when its input ends or its parent is gone,
even while it quantizes.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
import queue
import select
import signal
import sys
import threading
from typing import Any

PARENT_CHECK_SECONDS = 1.0
ROWS_AT_A_TIME = 32
STEPS = 32  # on an axis that is open, where there are no rows to say
COLUMN = "column "


def read_frames(parent: int, frames: queue.Queue[tuple[dict[str, Any], bytes]]) -> None:
    """Put each request of standard input into a queue; end the process when there is no more."""
    source = os.fdopen(0, "rb", buffering=0)
    while True:
        ready, _, _ = select.select([source], [], [], PARENT_CHECK_SECONDS)
        if not ready:
            if os.getppid() != parent:
                os._exit(0)
            continue
        header = json.loads(read_line(source) or os._exit(0))
        frames.put((header, read_exactly(source, header["size"])))


def read_line(source: Any) -> bytes:
    """One line, byte by byte, so that nothing after it is taken; empty at the end."""
    line = b""
    while not line.endswith(b"\n"):
        byte = source.read(1)
        if not byte:
            return b""
        line += byte
    return line


def read_exactly(source: Any, size: int) -> bytes:
    """Exactly `size` bytes; ends the process when there are fewer."""
    data = bytearray()
    while len(data) < size:
        part = source.read(min(size - len(data), 1 << 20))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)


def write_frame(target: int, header: dict[str, Any], payload: bytes) -> None:
    """Write one answer."""
    frame = json.dumps(header | {"size": len(payload)}).encode() + b"\n" + payload
    view = memoryview(frame)
    while view:
        view = view[os.write(target, view) :]


def answer(request: dict[str, Any], payload: bytes) -> bytes:
    """Quantized bytes for one request.

    Raises:
        ValueError: the lengths do not fit, the rows are no npz file, or the quantizer refuses.
    """
    import numpy as np

    size = int(request["model"])
    if not 0 < size <= len(payload):
        raise ValueError(f"a model of {size} bytes in a request of {len(payload)}")
    rows: dict[str, Any] = {}
    if size < len(payload):
        with np.load(io.BytesIO(payload[size:]), allow_pickle=False) as columns:
            rows = {name.removeprefix(COLUMN): columns[name] for name in columns}
    quantized = quantize(payload[:size], request["recipe"], rows)
    run_once(quantized, rows)
    return quantized


def quantize(tflite: bytes, recipe: list[dict[str, Any]], rows: dict[str, Any]) -> bytes:
    """What ai-edge-quantizer makes of a model by a recipe."""
    from ai_edge_quantizer import quantizer

    job = quantizer.Quantizer(bytearray(tflite), recipe)
    ranges = calibrate(tflite, recipe, rows) if job.need_calibration else None
    result = job.quantize(ranges, enable_progress_report=False, enable_progress_bar=False)
    return bytes(result.quantized_model)


def calibrate(tflite: bytes, recipe: list[dict[str, Any]], rows: dict[str, Any]) -> dict[str, Any]:
    """The smallest and the largest value of every tensor over all rows.

    Raises:
        ValueError: there are no rows.
    """
    from ai_edge_quantizer import calibrator, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    count = min((len(column) for column in rows.values()), default=0)
    if not count:
        raise ValueError("no rows to calibrate by")
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe)
    watcher = calibrator.Calibrator(
        bytearray(tflite), num_threads=1, qsv_update_func=qsv_utils.min_max_update
    )
    batches = [
        {name: column[start : start + ROWS_AT_A_TIME] for name, column in rows.items()}
        for start in range(0, count, ROWS_AT_A_TIME)
    ]
    watcher.calibrate({next(iter(watcher.get_signature_list())): batches}, manager)
    return dict(watcher.get_model_qsvs())


def run_once(tflite: bytes, rows: dict[str, Any]) -> None:
    """Predict one row: a given one, or zeros."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=tflite).get_signature_runner()
    given = {}
    for name, details in runner.get_input_details().items():
        open_sizes = (1, *[STEPS] * len(details["shape_signature"]))
        sizes = zip(details["shape_signature"], open_sizes, strict=False)
        shape = [int(size) if size > 0 else length for size, length in sizes]
        row = rows[name][:1] if name in rows else np.zeros(shape)
        given[name] = np.asarray(row, details["dtype"])
    runner(**given)


def main() -> None:
    """Serve requests until the input ends."""
    answers = os.dup(1)
    os.dup2(2, 1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    frames: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue()
    threading.Thread(target=read_frames, args=(int(sys.argv[1]), frames), daemon=True).start()
    import ai_edge_quantizer.quantizer  # noqa: F401 - ready before the first request

    while True:
        request, payload = frames.get()
        faulthandler.dump_traceback_later(request["timeout_s"], exit=True)
        try:
            write_frame(answers, {"error": None}, answer(request, payload))
        except Exception as e:  # noqa: BLE001 - whatever it raises is an answer
            write_frame(answers, {"error": f"{type(e).__name__}: {e}"}, b"")
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
