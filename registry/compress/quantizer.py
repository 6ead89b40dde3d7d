"""A child process that quantizes: its crash or hang is an error of one rung, not of the service."""

from __future__ import annotations

import io
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from registry.compress.recipe import DYNAMIC_INT8, Recipe
from registry.errors import QuantizerCrashed, QuantizerError, QuantizerTimeout

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Quantizer", "default_quantizer"]

CHILD = Path(__file__).with_name("quantizer_child.py")
CHUNK = 1 << 16
STDERR_TAIL = 400
COLUMN = "column "  # before each name: `savez` has arguments of its own, such as `file`


class Quantizer:
    """Quantization of LiteRT bytes in a persistent child process.

    The child starts at the first use (or at `start`), serves any number of models, and is replaced
    after a crash or a timeout. It ends with its parent, even when that is killed. Safe to share by
    threads; a forked process gets a child of its own.

    Args:
        timeout_s: time for one model, start of the child included.
        command: how to start the child, if not as usual; the parent's process id is appended.
    """

    def __init__(self, timeout_s: float = 60.0, command: Sequence[str] | None = None) -> None:
        self._timeout_s = timeout_s
        self._command = tuple(command or (sys.executable, "-P", str(CHILD)))
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._owner = os.getpid()

    def __enter__(self) -> Self:
        """Start the child."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the child."""
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the child, or None when there is none."""
        return self._child.pid if self._child and self._owner == os.getpid() else None

    def start(self) -> None:
        """Start the child without waiting for it, so that the first model does not pay for it."""
        with self._lock:
            self._ensure_child()

    def quantize(
        self,
        tflite: bytes,
        timeout_s: float | None = None,
        recipe: Recipe = DYNAMIC_INT8,
        rows: Mapping[str, NDArray[Any]] | None = None,
    ) -> bytes:
        """Quantized bytes of a float32 model, which LiteRT has run once.

        A child that dies is replaced and the model tried once more; one that hangs is killed.

        Args:
            tflite: the float32 model.
            timeout_s: time for it; None means the quantizer's own.
            recipe: what each operation becomes.
            rows: features to calibrate by, where the recipe needs that: the model's inputs, as
                numbers.

        Raises:
            QuantizerError: the quantizer refused the model, or LiteRT cannot run what it made.
            QuantizerCrashed: the child died twice.
            QuantizerTimeout: no answer within `timeout_s`.
        """
        limit = self._timeout_s if timeout_s is None else timeout_s
        request = request_of(tflite, limit, recipe, rows or {})
        with self._lock:
            try:
                return self._attempt(request, limit)
            except QuantizerCrashed:
                return self._attempt(request, limit)

    def close(self) -> None:
        """End the child. A later call of `quantize` starts another."""
        with self._lock:
            self._discard()

    def _ensure_child(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():
            self._child, self._stderr, self._owner = None, None, os.getpid()
        if self._child is None or self._child.poll() is not None:
            self._discard()
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
            self._child = subprocess.Popen(
                [*self._command, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                bufsize=0,
            )
            for pipe in (self._child.stdin, self._child.stdout):
                os.set_blocking(pipe.fileno(), False)  # type: ignore[union-attr]
        return self._child

    def _attempt(self, request: bytes, limit: float) -> bytes:
        child = self._ensure_child()
        deadline = time.monotonic() + limit
        try:
            send(child, request, deadline)
            header, payload = receive(child, deadline)
        except TimeoutError as e:
            self._discard()
            raise QuantizerTimeout(
                f"the quantizer did not answer within {limit:g} s and was stopped; "
                "raise the time limit for large models"
            ) from e
        except (EOFError, OSError) as e:
            raise QuantizerCrashed(self._obituary()) from e
        if header["error"] is not None:
            raise QuantizerError(f"the quantizer refused the model: {header['error']}")
        return payload

    def _obituary(self) -> str:
        child, stderr = self._child, self._stderr
        self._child, self._stderr = None, None
        if child is None or stderr is None:
            return "the quantizer's process is gone"
        child.kill()
        code = child.wait()
        close_pipes(child)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - STDERR_TAIL))
        said = " ".join(stderr.read().decode(errors="replace").split())
        stderr.close()
        return f"the quantizer's process died ({how}){': ' + said if said else ''}"

    def _discard(self) -> None:
        if self._child is not None:
            self._obituary()


def request_of(
    tflite: bytes, limit: float, recipe: Recipe, rows: Mapping[str, NDArray[Any]]
) -> bytes:
    """One frame for the child: a line of JSON, the model, and the rows as an npz file.

    Raises:
        QuantizerError: a column holds objects, which are never sent.
    """
    import numpy as np

    packed = io.BytesIO()
    objects = [name for name, column in rows.items() if np.asarray(column).dtype.hasobject]
    if objects:
        raise QuantizerError(f"columns {objects} to calibrate by: expected numbers, got objects")
    if rows:
        columns = {f"{COLUMN}{name}": np.asarray(values) for name, values in rows.items()}
        np.savez(packed, allow_pickle=False, **columns)
    head = {
        "size": len(tflite) + packed.tell(),
        "model": len(tflite),
        "timeout_s": limit,
        "recipe": list(recipe),
    }
    return json.dumps(head).encode() + b"\n" + tflite + packed.getvalue()


def send(child: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
    """Write all of `data` to the child's input before the deadline."""
    target = child.stdin.fileno()  # type: ignore[union-attr]
    view = memoryview(data)
    while view:
        _, ready, _ = select.select([], [target], [], remaining(deadline))
        if ready:
            view = view[os.write(target, view[:CHUNK]) :]


def receive(child: subprocess.Popen[bytes], deadline: float) -> tuple[dict[str, Any], bytes]:
    """Read one frame of the child's output before the deadline."""
    data = bytearray()
    while b"\n" not in data:
        data += read_some(child, deadline)
    line, _, rest = bytes(data).partition(b"\n")
    header: dict[str, Any] = json.loads(line)
    payload = bytearray(rest)
    while len(payload) < header["size"]:
        payload += read_some(child, deadline)
    return header, bytes(payload)


def read_some(child: subprocess.Popen[bytes], deadline: float) -> bytes:
    """The next bytes of the child's output; EOFError when it has ended."""
    source = child.stdout.fileno()  # type: ignore[union-attr]
    while not select.select([source], [], [], remaining(deadline))[0]:
        pass
    data = os.read(source, CHUNK)
    if not data:
        raise EOFError
    return data


def remaining(deadline: float) -> float:
    """Seconds until the deadline; TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def close_pipes(child: subprocess.Popen[bytes]) -> None:
    """Close our ends of a dead child's pipes."""
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()


@cache
def default_quantizer() -> Quantizer:
    """The quantizer that `ladder` uses when given none: one per process, started when used."""
    return Quantizer()
