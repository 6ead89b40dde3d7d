"""Who watches two workers sees the partitions of both move while a round trains."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaProducer

from millstream.durable import read_as
from millstream.watch.board import LiveState
from tests.millstream.project import create_topic, make_project, make_rows

FOR_EVER = 1_000_000
"""Epochs: the round is still in training when all has been seen."""


@pytest.mark.slow
@pytest.mark.long  # in short: test_readings.py
@pytest.mark.timeout(400)
def test_partitions_of_all_workers_move_while_a_round_trains(
    kafka, topic: str, tmp_path: Path
) -> None:
    servers = kafka.bootstrap_servers
    create_topic(servers, topic)
    made = make_project(tmp_path, servers, topic, epochs=FOR_EVER, records=400)
    config = made.directory / "millstream.toml"
    config.write_text(config.read_text().replace("patience = 2", f"patience = {FOR_EVER}"))
    send(servers, topic, 500)
    service = made.start("run", "--workers", "2")

    def seen(wanted: Callable[[LiveState], bool]) -> LiveState:
        deadline = time.monotonic() + 300
        while True:
            live = read_as(made.state_dir / "status.json", LiveState)
            if live is not None and wanted(live):
                return live
            assert time.monotonic() < deadline, live
            assert service.poll() is None
            time.sleep(0.1)

    try:
        live = seen(lambda live: live.step == 4 and live.epoch > 0)
        assert {part.position for part in live.partitions.values()} == {125}
        send(servers, topic, 600)
        live = seen(lambda live: all(p.position == 275 for p in live.partitions.values()))
        assert (live.round, live.step, len(live.partitions), live.records) == (1, 4, 4, 1_100)
        print({name: part.age_s for name, part in live.partitions.items()})
    finally:
        service.send_signal(signal.SIGTERM)
        service.communicate(120)
    assert service.returncode == 0


def send(servers: str, topic: str, count: int) -> None:
    """Records for each partition in turn."""
    producer = KafkaProducer(bootstrap_servers=servers)
    for number, row in enumerate(make_rows(count, seed=count)):
        producer.send(topic, row, partition=number % 4)
    producer.close()
