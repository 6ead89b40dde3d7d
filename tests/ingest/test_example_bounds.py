"""The compiled walk of Examples never leaves a record, whatever its bytes say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKED = """
import random, sys
import numba, numpy as np
from ingest import ExampleDecoder, Field, RecordBatch, Schema
from ingest.formats.example.message import _example_class

@numba.njit
def beyond(array):
    return array[len(array)]

try:
    beyond(np.zeros(3))
except IndexError:
    print("bounds are checked")

rng = random.Random(11)
made = ExampleDecoder(Schema((
    Field("floats", "float32", length="ragged"),
    Field("whole", "int64", length="ragged"),
    Field("texts", "category", vocabulary=("a",), length="ragged"),
    Field("name", "string", default=""),
)))
good = 0
for number in range(int(sys.argv[1])):
    example = _example_class()()
    features = example.features.feature
    features["floats"].float_list.value.extend([0.5] * rng.randrange(3))
    features["whole"].int64_list.value.extend(rng.choices([0, 300, -1, 2**62], k=rng.randrange(4)))
    features["texts"].bytes_list.value.extend(rng.choices([b"a", b"", b"x" * 200], k=2))
    features["x"].int64_list.value.append(1)
    raw = example.SerializeToString()
    for _ in range(rng.randrange(4) if number % 2 else 0):
        at = rng.randrange(len(raw))
        put = bytes([rng.choice([0, 1, 10, 18, 26, 127, 128, 255, rng.randrange(256)])])
        raw = raw[:at] + put * rng.randrange(3) + raw[at + rng.randrange(2):] or b"x"
    raw = raw[: rng.randrange(len(raw) + 1)] if number % 5 == 0 else raw
    good += len(made.decode(RecordBatch.of("a", 0, [0], [raw])).good)
print("good", good)
"""


@pytest.mark.slow
def test_it_never_reads_or_writes_out_of_bounds(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECKED, "600"],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    checked, _, good = done.stdout.partition("\ngood ")
    assert checked == "bounds are checked"
    assert 200 < int(good) < 590
