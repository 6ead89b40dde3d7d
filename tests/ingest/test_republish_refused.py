"""Republishing when the topic does not take a letter: nothing is sent, and nothing is marked."""

import os
import signal
import threading
from types import SimpleNamespace

import pytest

from ingest import RecordBatch, SourceError
from ingest.formats.decoder import BadRecord
from ingest.kafka import republish as module
from ingest.kafka.letters_topic import Marker, Republished, read_letters
from ingest.kafka.republish import republish, survey, transactional
from tests.ingest.test_republish import letters, options, records, request_for, send

__all__ = ["letters", "options"]


class Pausing(list):
    """Letters of which the first half arrives; the broker stands still before the others."""

    def __init__(self, parts, producer, pid):
        super().__init__(parts)
        self._producer, self._pid, self._rounds = producer, pid, 0

    def __iter__(self):
        self._rounds += 1
        for count, part in enumerate(super().__iter__()):
            if self._rounds == 2 and count == len(self) // 2:
                self._producer.flush()
                os.kill(self._pid, signal.SIGSTOP)
                threading.Timer(4.0, os.kill, (self._pid, signal.SIGCONT)).start()
            yield part


def test_letters_that_kafka_python_gave_up_are_not_committed_without(
    kafka, options, topic, letters
):
    """They expire one by one, and to kafka-python that is no reason not to commit the others."""
    kafka.create_topic(topic)
    send(letters, topic, [b"%d" % n for n in range(100)])
    quick = {**options, "request_timeout_ms": 1_000, "delivery_timeout_ms": 2_000}
    request, where = request_for(quick, topic), f"{topic}.dead-letters"
    found = list(read_letters(options, [where]))
    place = SimpleNamespace(topic=where, partition=0)
    with transactional(request, where) as producer:
        pausing = Pausing(found, producer, kafka.pid)
        with pytest.raises(SourceError, match=r"did not take a record: .*Expiring"):
            module._send(producer, place, pausing, Marker(100, {topic: 1}, None))
    assert republish(request_for(options, topic)).sent == {"not_json": 100}
    names = [name for name, *_ in records(options, topic)]
    assert names == sorted(f"{topic}[0]@{n}" for n in range(100))


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({"max_message_bytes": 2_000}, "MessageSizeTooLarge"),
        ({"message_timestamp_before_max_ms": 1_000}, "Timestamp .* out of range"),
    ],
)
def test_a_limit_of_the_topic_is_named_and_keeps_all_letters_back(
    kafka, options, topic, letters, limit, told
):
    kafka.create_topic(topic, **limit)
    send(letters, topic, [b"a", b"b" * 5_000, b"c"])
    with pytest.raises(SourceError, match=rf"{topic}\[0\] did not take a record: .*{told}"):
        republish(request_for(options, topic))
    assert records(options, topic) == []
    assert survey(request_for(options, topic)).sent == {"not_json": 3}


def test_a_partition_that_is_not_there_keeps_only_its_own_letters_back(
    kafka, options, topic, letters
):
    kafka.create_topic(topic, 2)
    for partition in (1, 2):
        send(letters, topic, [b"%d" % partition], partition=partition)
    done = republish(request_for(options, topic))
    assert done.sent == {"not_json": 1}
    assert done.refused == {f"topic {topic} has no partition 2": 1}
    seen = Republished()
    seen.add(f"{topic}.dead-letters", 0, Marker(100, {topic: 2}, None))
    found = {
        letter.partition: letter for letter in read_letters(options, [f"{topic}.dead-letters"])
    }
    assert [found[n] in seen for n in (1, 2)] == [True, False]
    seen.add(f"{topic}.dead-letters", 0, Marker(100, {topic: 3}, "not_json"))
    assert found[2] in seen


def test_a_moment_that_kafka_does_not_know_is_left_to_the_producer(kafka, options, topic, letters):
    kafka.create_topic(topic)
    batch = RecordBatch.of(topic, 0, [0], [b"x"], timestamps=[-7])
    letters.send(batch, [BadRecord(0, "why", "not_json")])
    letters.flush()
    assert republish(request_for(options, topic)).sent == {"not_json": 1}
    ((_, _, _, value, timestamp),) = records(options, topic)
    assert value == b"x"
    assert timestamp > 0
