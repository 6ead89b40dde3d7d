"""Calls that might wait for ever do not."""

import os
import signal
import threading

import pytest
from kafka import KafkaConsumer
from kafka.errors import RequestTimedOutError

from ingest import SourceError
from ingest.in_time import in_time
from ingest.kafka import client
from ingest.kafka.delivered import existing_topics
from ingest.kafka.errors import translated


def test_what_a_call_gives_or_raises_comes_back():
    assert in_time(lambda: threading.current_thread() is not threading.main_thread(), 5)
    with pytest.raises(KeyError, match="x"):
        in_time(lambda: {}["x"], 5)


def test_a_call_that_takes_too_long_is_left_behind():
    end = threading.Event()
    with pytest.raises(TimeoutError):
        in_time(end.wait, 0.05)
    end.set()


def test_partitions_are_asked_for_with_a_bound(kafka, topic, monkeypatch):
    """kafka-python's own question waits until the broker is back, whenever that is."""
    monkeypatch.setattr(client, "ANSWER_S", 0.5)
    options = {"bootstrap_servers": kafka.bootstrap_servers}
    kafka.create_topic(topic, 3)
    assert existing_topics(options, [f"{topic}-not", topic]) == {topic: 3}
    consumer = client.open_client(KafkaConsumer, options, {"allow_auto_create_topics": False})
    os.kill(kafka.pid, signal.SIGSTOP)
    try:
        with (
            pytest.raises(SourceError, match="no answer from the broker"),
            translated("ask", options),
        ):
            client.partitions_of(consumer, f"{topic}-not")
    finally:
        os.kill(kafka.pid, signal.SIGCONT)
        consumer.close()


def test_a_request_without_an_answer_is_told_like_a_broker_without_one():
    options = {"bootstrap_servers": "127.0.0.1:1"}
    told = "ask: no answer from the broker at 127.0.0.1:1"
    with pytest.raises(SourceError, match=told), translated("ask", options):
        raise RequestTimedOutError("after 29999 ms")
