"""The embedded Kafka of the line before, for clients that cannot talk to Kafka 4."""

from __future__ import annotations

from contextlib import closing

import pytest
from kafka import KafkaConsumer, KafkaProducer

from millstream.stack.jars import KAFKA, KAFKA_3, kafka_version, read_lock
from millstream.stack.kafka import EmbeddedKafka


def test_both_lines_are_pinned():
    assert kafka_version(read_lock(KAFKA)).startswith("4.")
    assert kafka_version(read_lock(KAFKA_3)).startswith("3.9.")
    for lock in (KAFKA, KAFKA_3):
        jars = read_lock(lock)
        assert len({jar.file_name for jar in jars}) == len(jars)
        assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)


@pytest.mark.slow
def test_a_kafka_3_broker_serves_whatever_kafka_home_says(tmp_path, monkeypatch):
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path / "not-there"))
    with EmbeddedKafka(tmp_path / "kafka-3", lock=KAFKA_3) as broker:
        version = kafka_version(read_lock(KAFKA_3))
        assert f"Kafka version: {version}" in broker.log_file.read_text(encoding="utf-8")
        broker.create_topic("old", partitions=1)
        with closing(KafkaProducer(bootstrap_servers=broker.bootstrap_servers)) as producer:
            producer.send("old", b"one").get(30)
        options = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 30_000}
        consumer = KafkaConsumer("old", bootstrap_servers=broker.bootstrap_servers, **options)
        with closing(consumer):
            assert next(consumer).value == b"one"
