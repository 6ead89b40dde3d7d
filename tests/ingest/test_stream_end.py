"""A process that ends while iterators read a stream ahead does end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.ingest.stream_samples import FIELDS, fill

READING = f"""
import queue
import sys
import millstream
import tensorflow as tf

stream = millstream.dataset(
    sys.argv[2], schema={FIELDS!r}, label="odd", batch_size=4, bootstrap_servers=sys.argv[1],
    block_rows=8,
)
ahead = stream.prefetch(2).map(lambda x, y: (x, y), num_parallel_calls=2).prefetch(4)
iterator = iter(ahead)
print(len(next(iterator)), flush=True)
"""
WAITING = """
def wait():
    yield 1
    queue.Queue().get()

other = iter(tf.data.Dataset.from_generator(wait, output_signature=tf.TensorSpec(())).prefetch(2))
print(int(next(other)), flush=True)
"""


@pytest.mark.parametrize(
    ("more", "said"), [("", "2\n"), (WAITING, "2\n1\n")], ids=["alone", "beside one that waits"]
)
def test_a_process_ends_while_a_stream_is_read_ahead(
    kafka, topic: str, more: str, said: str
) -> None:
    fill(kafka.bootstrap_servers, topic)
    command = [sys.executable, "-c", READING + more, kafka.bootstrap_servers, topic]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, said), ended.stderr
