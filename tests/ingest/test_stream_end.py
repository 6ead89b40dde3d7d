"""A process that ends while iterators read a stream ahead does end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.ingest.stream_samples import FIELDS, fill

READING = """
import sys
import millstream

servers, topic, steps = sys.argv[1:]
stream = millstream.dataset(
    topic, schema={fields!r}, label="odd", batch_size=4, bootstrap_servers=servers, block_rows=8
)
iterator = iter(eval(steps))
print(len(next(iterator)), flush=True)
"""


@pytest.mark.parametrize(
    "steps",
    [
        "stream.prefetch(2).prefetch(1)",
        "stream.prefetch(2).repeat().prefetch(1)",
        "stream.prefetch(2).map(lambda x, y: (x, y), num_parallel_calls=2).prefetch(4)",
    ],
)
def test_a_process_ends_while_a_stream_is_read_ahead(kafka, topic: str, steps: str) -> None:
    fill(kafka.bootstrap_servers, topic)
    script = READING.format(fields=FIELDS)
    command = [sys.executable, "-c", script, kafka.bootstrap_servers, topic, steps]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "2\n"), ended.stderr
