"""The quantizer's child process: crashes and hangs stay in it, and it never outlives us."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from keras_models import Sample

from registry import (
    LadderSettings,
    Quantizer,
    QuantizerCrashed,
    QuantizerError,
    QuantizerTimeout,
    SkippedRung,
    Subject,
    ladder,
)
from registry.compress.quantizer_child import answer

READ_REQUEST = "import json, os, sys, time; sys.stdin.buffer.readline(); "


def planted(code: str) -> list[str]:
    """A child that reads the head of one request and then does `code`."""
    return [sys.executable, "-c", READ_REQUEST + code]


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while not gone(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def test_a_crash_is_an_error_of_the_rung(samples: dict[str, Sample]) -> None:
    code = "sys.stderr.write('double free or corruption\\n'); sys.stderr.flush(); os.abort()"
    with Quantizer(command=planted(code)) as fragile:
        with pytest.raises(QuantizerCrashed, match=r"SIGABRT.*double free or corruption"):
            fragile.quantize(samples["mlp"].tflite)
        float32, int8, pruned = ladder(Subject(samples["mlp"].tflite), LadderSettings(), fragile)
    assert float32.rung == "float32"
    for skipped in (int8, pruned):
        assert isinstance(skipped, SkippedRung)
        assert "died (SIGABRT)" in skipped.reason


def test_an_exit_is_told_with_its_code(samples: dict[str, Sample]) -> None:
    fragile = Quantizer(command=planted("sys.exit(3)"))
    with fragile, pytest.raises(QuantizerCrashed, match="exit code 3"):
        fragile.quantize(samples["mlp"].tflite)


def test_one_crash_is_survived(samples: dict[str, Sample], tmp_path: Path) -> None:
    marker = tmp_path / "crashed"
    child = Path(sys.modules[Quantizer.__module__].__file__).with_name("quantizer_child.py")
    code = (
        f"import os, pathlib, runpy, sys; m = pathlib.Path({str(marker)!r});\n"
        "if not m.exists(): m.touch(); os.abort()\n"
        f"runpy.run_path({str(child)!r}, run_name='__main__')"
    )
    with Quantizer(command=[sys.executable, "-c", code]) as fragile:
        quantized = fragile.quantize(samples["mlp"].tflite)
    assert marker.exists()
    assert len(quantized) < len(samples["mlp"].tflite)


def test_a_killed_child_is_replaced(samples: dict[str, Sample]) -> None:
    with Quantizer() as quantizer:
        before = quantizer.quantize(samples["mlp"].tflite)
        first = quantizer.pid
        os.kill(first, signal.SIGKILL)
        assert quantizer.quantize(samples["mlp"].tflite) == before
        assert quantizer.pid != first


def test_a_hang_ends_at_the_time_limit(samples: dict[str, Sample]) -> None:
    with Quantizer() as quantizer:
        good = quantizer.quantize(samples["mlp"].tflite)
        stuck = quantizer.pid
        os.kill(stuck, signal.SIGSTOP)
        with pytest.raises(QuantizerTimeout, match=r"within 0\.3 s"):
            quantizer.quantize(samples["mlp"].tflite, timeout_s=0.3)
        assert gone(stuck)
        assert quantizer.quantize(samples["mlp"].tflite) == good


def test_a_child_that_does_not_read_ends_at_the_time_limit() -> None:
    with Quantizer(command=planted("time.sleep(600)")) as quantizer:
        pid = quantizer.pid
        with pytest.raises(QuantizerTimeout):
            quantizer.quantize(bytes(10_000_000), timeout_s=0.5)
        assert gone(pid)


def test_a_refused_model_keeps_the_child(samples: dict[str, Sample]) -> None:
    with Quantizer() as quantizer:
        quantizer.quantize(samples["mlp"].tflite)
        pid = quantizer.pid
        with pytest.raises(QuantizerError, match="refused the model"):
            quantizer.quantize(b"this is not a model at all")
        assert quantizer.pid == pid
        assert quantizer.quantize(samples["mlp"].tflite)


def test_close_ends_the_child(samples: dict[str, Sample]) -> None:
    quantizer = Quantizer()
    quantizer.start()
    pid = quantizer.pid
    quantizer.close()
    assert quantizer.pid is None
    assert gone(pid)


OWNER = """
import os, signal, sys
from registry import Quantizer
quantizer = Quantizer()
quantizer.start()
if sys.argv[1] == "ready":
    try:
        quantizer.quantize(b"not a model")
    except Exception:
        pass
print(quantizer.pid, flush=True)
signal.pause()
"""


@pytest.mark.parametrize("moment", ["starting", "ready"])
def test_the_child_dies_with_a_killed_parent(moment: str) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, moment], stdout=subprocess.PIPE, text=True
    )
    child = int(owner.stdout.readline())
    assert not gone(child)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    wait_until_gone(child)


def test_signals_meant_for_the_service_do_not_end_the_child(samples: dict[str, Sample]) -> None:
    with Quantizer() as quantizer:
        quantizer.quantize(samples["mlp"].tflite)
        pid = quantizer.pid
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        assert quantizer.quantize(samples["mlp"].tflite)
        assert quantizer.pid == pid


def test_a_request_whose_lengths_do_not_fit_is_refused() -> None:
    for size in (-1, 0, 5):
        with pytest.raises(ValueError, match=f"a model of {size} bytes in a request of 4"):
            answer({"model": size, "recipe": []}, b"TFL3")


def test_objects_are_neither_sent_nor_read(samples: dict[str, Sample]) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(QuantizerError, match=r"\['x'\].*got objects"):
        Quantizer().quantize(samples["mlp"].tflite, rows={"x": objects})
    packed = io.BytesIO()
    np.savez(packed, x=objects)
    request = {"model": 4, "recipe": []}
    with pytest.raises(ValueError, match="allow_pickle=False"):
        answer(request, b"TFL3" + packed.getvalue())
