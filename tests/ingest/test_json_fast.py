"""The compiled parser against the parser of single records."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Field, JsonDecoder, RecordBatch, Schema
from ingest.checks import check_decoder
from tests.ingest.json_cases import BYTES, WIDE, compare, damaged, make_record
from tests.ingest.samples import SCHEMA, encoded, record

seeds = st.integers(0, 2**64).map(random.Random)
FLOATS = Schema((Field("x", "float64"), Field("y", "float32", default=0)))
BOUNDS_CHECKED = """
import random, sys
import numba, numpy as np
from ingest.formats.json.parse import new_memory, parse_rows
from ingest.formats.json.plan import make_plan
from ingest.formats.json.words import fill_table
from tests.ingest.json_cases import WIDE, damaged, make_record

@numba.njit
def call(*arrays):
    parse_rows(*arrays)

@numba.njit
def beyond(array):
    return array[len(array)]

try:
    beyond(np.zeros(3))
except IndexError:
    print("bounds are checked")
rng = random.Random(7)
plan, taken = make_plan(WIDE, fill_table), np.zeros(1, np.uint8)
count = 0
for number in range(int(sys.argv[1])):
    raw = make_record(rng)
    raw = damaged(rng, raw) if rng.random() < 0.5 else raw
    raw = raw[: rng.randrange(len(raw) + 1)] + b"}" * rng.randrange(2) if number % 3 == 0 else raw
    memory = new_memory(len(WIDE.fields), 1, len(raw) // 2 + 1)
    columns = np.empty(plan.columns, np.int64)
    span = np.zeros(1, np.int64), np.full(1, len(raw))
    call(np.frombuffer(raw, np.uint8), *span, plan.array, columns, memory, taken)
    count += int(taken[0])
print("taken", count)
"""


def taken(values, schema):
    batch = RecordBatch.of("a", 0, range(len(values)), values)
    spans = batch.value_start, batch.value_length
    return JsonDecoder(schema)._parse(batch.buffer, *spans).taken.tolist()


@settings(deadline=None, max_examples=150)
@given(seeds, st.integers(1, 6))
def test_it_agrees_on_records_of_all_spellings(rng, count):
    compare([make_record(rng) for _ in range(count)], WIDE)


@settings(deadline=None, max_examples=150)
@given(seeds, st.integers(1, 6))
def test_it_agrees_on_records_with_damaged_bytes(rng, count):
    compare([damaged(rng, make_record(rng)) for _ in range(count)], WIDE)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_it_agrees_on_any_bytes(inside):
    compare([b"{" + raw + b"}" for raw in inside], WIDE)
    compare(inside, SCHEMA)


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_a_row_is_the_same_whatever_is_beside_it(rng):
    values = [make_record(rng) for _ in range(4)]
    check_decoder(lambda: JsonDecoder(WIDE), [*values, damaged(rng, values[0]), None, b""])


def test_it_takes_nearly_all_that_is_good():
    rng = random.Random(3)
    values = [make_record(rng) for _ in range(300)]
    good = len(JsonDecoder(WIDE).decode(RecordBatch.of("a", 0, range(300), values)).good)
    assert good > 150
    assert sum(taken(values, WIDE)) > 0.97 * good


TAKEN = {
    "plain": encoded(1),
    "white space": json.dumps(record(2), indent=2).encode(),
    "another order": json.dumps(dict(reversed(record(3).items()))).encode(),
    "escaped key": encoded(4).replace(b'"count"', b'"co\\u0075nt"'),
    "escaped words": json.dumps(record(5, user='é"\\/\n\u0001😀', city="Oslo")).encode(),
    "nested": encoded(6, other={"amount": [1, {"x": None}, [], {}, "}"], "b": [[1.5e3]]}),
    "199 deep": encoded(7, other=json.loads("[" * 199 + "]" * 199)),
    "floats of 17 digits": encoded(8, amount=0.30000000000000004),
}
LEFT = {
    "twice": b'{"amount": 1, ' + encoded(1)[1:],
    "20 digits": encoded(1, amount=0.5).replace(b"0.5", b"0.50000000000000000001"),
    "missing": b"{}",
    "200 deep": encoded(7, other=json.loads("[" * 200 + "]" * 200)),
    "a lone surrogate that is ignored": encoded(1)[:-1] + b', "x": "\\ud800"}',
    "unknown label": encoded(1, late="perhaps"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_it_takes(name):
    assert taken([TAKEN[name]], SCHEMA) == [True]
    compare([TAKEN[name]], SCHEMA)


@pytest.mark.parametrize("name", LEFT)
def test_what_it_leaves(name):
    assert taken([LEFT[name]], SCHEMA) == [False]
    compare([LEFT[name]], SCHEMA)


@settings(deadline=None, max_examples=400)
@given(
    st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.from_regex(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,9})?([eE][-+]?[0-9]{1,3})?", fullmatch=True)
)
def test_floats_are_those_of_python(text):
    number = float(text)
    found = JsonDecoder(FLOATS).decode(RecordBatch.of("a", 0, [0], [f'{{"x": {text}}}'.encode()]))
    if np.isfinite(number):
        assert found.columns["x"].tobytes() == np.float64(number or 0.0).tobytes()
    else:
        assert [bad.kind for bad in found.bad] == ["not_finite"]


def test_common_floats_are_taken():
    rng = np.random.default_rng(1)
    numbers = np.concatenate([rng.normal(size=500), rng.normal(size=500) * 1e200, rng.random(500)])
    numbers = np.concatenate([numbers, rng.normal(size=500).astype(np.float32).astype(float)])
    values = [f'{{"x": {number!r}}}'.encode() for number in numbers.tolist()]
    assert all(taken(values, FLOATS))
    found = JsonDecoder(FLOATS).decode(RecordBatch.of("a", 0, range(len(values)), values))
    assert found.columns["x"].tobytes() == numbers.tobytes()


def test_values_may_lie_anywhere_in_the_buffer():
    plain = RecordBatch.of("a", 0, range(3), [encoded(n) for n in range(3)])
    buffer = np.concatenate([np.frombuffer(b'}"\\{', np.uint8), plain.buffer[::-1], plain.buffer])
    order = np.array([2, 0, 0])
    moved = RecordBatch(
        topic="a",
        partition=0,
        offsets=plain.offsets,
        timestamps=plain.timestamps,
        key_start=plain.key_start,
        key_length=plain.key_length,
        value_start=plain.value_start[order] + 4 + len(plain.buffer),
        value_length=plain.value_length[order],
        buffer=buffer,
    )
    assert JsonDecoder(SCHEMA).decode(moved).columns["count"].tolist() == [2, 0, 0]


@settings(deadline=None, max_examples=100)
@given(seeds)
def test_bytes_are_base64(rng):
    texts = ["", "eA==", "eA", "eA=", "e A=", "eB==", "+/8=", "-_8=", "eA==x", "é", rng.random()]
    chosen = [(rng.choice(texts), rng.choice([*texts, None])) for _ in range(4)]
    compare([json.dumps({"blob": a, "blob or x": b}).encode() for a, b in chosen], BYTES)
    found = JsonDecoder(BYTES).decode(RecordBatch.of("a", 0, [0], [b'{"blob": "+/8="}']))
    assert found.columns["blob"].texts() == [b"\xfb\xff"]
    assert found.columns["blob or x"].texts() == [b"x"]


@pytest.mark.slow
def test_it_never_reads_or_writes_out_of_bounds(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", BOUNDS_CHECKED, "2000"],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("bounds are checked\ntaken ")
    assert int(done.stdout.split()[-1]) > 400
