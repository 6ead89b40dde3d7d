"""Killed at random instants and started again: each record once, as far as states were saved."""

import json
import random
import signal
import time

import pytest

from tests.ingest.broker import produce
from tests.ingest.stream_child import main, open_dataset
from tests.ingest.stream_samples import value
from tests.millstream.preloaded import forking

COUNT = 12_000
KILLS = 6


@pytest.mark.slow
@pytest.mark.parametrize("shuffle", [0, 300], ids=["in order", "shuffled"])
def test_kills_at_random_instants(kafka, topic, tmp_path, shuffle):
    servers = kafka.bootstrap_servers
    produce(servers, topic, [value(0, offset) for offset in range(COUNT)])
    whole = tmp_path / "whole"
    whole.mkdir()
    expected = [
        int(n) for batch in open_dataset(topic, servers, whole, shuffle) for n in batch["n"]
    ]
    assert sorted(expected) == [offset for offset in range(COUNT) if offset % 7 != 3]

    folder = tmp_path / "broken"
    folder.mkdir()
    chance, killed = random.Random(shuffle), 0
    while killed < KILLS:
        process = start(topic, servers, folder, shuffle)
        wait_for_a_batch(process, folder)
        time.sleep(chance.uniform(0.0, 0.06))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        if len(saved_rows(folder)) == len(expected):
            break
    assert killed == KILLS
    last = start(topic, servers, folder, shuffle)
    last.join()
    assert last.exitcode == 0

    rows = saved_rows(folder)
    assert rows == expected


def start(topic, servers, folder, shuffle):
    process = forking().Process(target=main, args=(topic, servers, folder, shuffle))
    process.start()
    return process


def notes(folder):
    path = folder / "rows.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def wait_for_a_batch(process, folder):
    before, deadline = len(notes(folder)), time.monotonic() + 60
    while process.is_alive() and len(notes(folder)) == before:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def saved_rows(folder):
    """The rows up to each saved state, once.

    A note whose state was not saved before the kill is of rows that are given again: it is followed
    by a note of the same state and the same rows.
    """
    found = {}
    for note in notes(folder):
        assert found.setdefault(json.dumps(note["state"]), note["numbers"]) == note["numbers"]
    return [number for numbers in found.values() for number in numbers]
