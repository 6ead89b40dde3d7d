"""The process in which ai-edge-quantizer runs, because it can take its process down with it.

Started by `Quantizer` with the parent's process id as argument. Reads requests from standard input
and answers on standard output, both as frames: a line of JSON with `size`, then that many bytes.
Ends at once when its input ends or its parent is gone, even while it quantizes.
"""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import select
import signal
import sys
import threading
from typing import Any

PARENT_CHECK_SECONDS = 1.0


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


def quantize(tflite: bytes) -> bytes:
    """Dynamic-range int8: weights int8 per channel, activations quantized as they come."""
    from ai_edge_quantizer import quantizer, recipe

    job = quantizer.Quantizer(bytearray(tflite))
    job.load_quantization_recipe(recipe.dynamic_wi8_afp32())
    result = job.quantize(enable_progress_report=False, enable_progress_bar=False)
    return bytes(result.quantized_model)


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
        request, tflite = frames.get()
        faulthandler.dump_traceback_later(request["timeout_s"], exit=True)
        try:
            write_frame(answers, {"error": None}, quantize(tflite))
        except Exception as e:  # noqa: BLE001 - whatever it raises is an answer
            write_frame(answers, {"error": f"{type(e).__name__}: {e}"}, b"")
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
