"""Damaged Avro, Protobuf and message indexes with numba's checks of every index, off in use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKED = """
import random
import numba, numpy as np
from ingest import RecordBatch
from ingest.formats.avro import walk as avro_walk
from ingest.formats.protobuf import walk as protobuf_walk
from ingest.formats.avro.decoder import AvroDecoder
from ingest.formats.protobuf.decoder import ProtobufDecoder
from ingest.formats.protobuf.indexes import read_indexes
from tests.ingest import avro_samples, protobuf_samples, test_protobuf_walk

@numba.njit
def beyond(array):
    return array[len(array)]

@numba.njit
def walk_avro(*arguments):
    avro_walk.walk_rows(*arguments)

@numba.njit
def walk_protobuf(*arguments):
    protobuf_walk.walk_rows(*arguments)

def damaged(rng, whole):
    whole = bytearray(whole)
    for _ in range(rng.randrange(4)):
        whole[rng.randrange(len(whole))] = rng.choice([0, 1, 2, 127, 128, 255, rng.randrange(256)])
    return bytes(whole[: rng.randrange(len(whole) + 1)] if rng.random() < 0.3 else whole)

def noted(slots):
    numbers = [np.zeros((slots, 1), np.int64) for _ in range(2)]
    return np.full((slots, 1), 255, np.uint8), *numbers

try:
    beyond(np.zeros(3))
except IndexError:
    print("bounds are checked")
rng = random.Random(7)
avro = AvroDecoder(avro_samples.SCHEMA, avro_schema=avro_samples.RECORD)
message = test_protobuf_walk.descriptor_set(test_protobuf_walk.FILE)
schema = test_protobuf_walk.NUMBERS
protobuf = ProtobufDecoder(schema, message="town.Trip", descriptor=message)
program, columns = avro._alone._program, protobuf._type._columns
taken = [0, 0, 0]
for number in range(600):
    for place, sample in enumerate((avro_samples.written(avro_samples.trip(sizes=[1.0] * 5)),
                                    test_protobuf_walk.sample())):
        record = damaged(rng, sample)
        span = np.zeros(1, np.int64), np.full(1, len(record))
        inside = np.frombuffer(record, np.uint8)
        if place == 0:
            problems, slots = np.zeros((2, 1), np.int64), len(avro_samples.SCHEMA.fields)
            walked = program.nodes, program.children
            walk_avro(inside, span, walked, (*noted(slots), problems))
            taken[0] += int(problems[0, 0] == 0)
        else:
            plain = np.zeros(1, np.bool_)
            walk_protobuf(inside, span, columns._program, (*noted(len(columns._slots)), plain))
            taken[1] += int(plain[0])
        (avro, protobuf)[place].decode(RecordBatch.of("t", 0, [0], [record]))
    record = bytes(rng.choice([0, 1, 2, 4, 6, 127, 128, 255]) for _ in range(rng.randrange(9)))
    span = np.zeros(1, np.int64), np.full(1, len(record))
    taken[2] += int(read_indexes(np.frombuffer(record, np.uint8), *span)[1][0] >= 0)
print("taken", *taken)
"""


@pytest.mark.slow
def test_no_index_is_out_of_bounds(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CHECKED],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    assert done.stdout.startswith("bounds are checked\ntaken ")
    assert all(50 < int(count) < 550 for count in done.stdout.split()[-3:]), done.stdout
