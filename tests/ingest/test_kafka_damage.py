"""Damage in the log of a real broker, which hands out what it finds there."""

import logging
from contextlib import suppress
from pathlib import Path

import pytest

from ingest import CorruptBatchError
from ingest.kafka import seam
from tests.ingest.broker import VALUES, at, opened, produce, read_all

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


@pytest.fixture
def three(kafka, topic):
    """A topic with three batches of ten records in its log file."""
    kafka.create_topic(topic)
    for start in (0, 10, 20):
        values = [f"value {n}".encode() for n in range(start, start + 10)]
        produce(kafka.bootstrap_servers, topic, values, linger_ms=100)
    return topic


def log_file(kafka, topic):
    """The file of the first segment of partition 0."""
    (found,) = Path(kafka.data_dir).rglob(f"{topic}-0/00000000000000000000.log")
    return found


def flip(path, text):
    """Flip a bit of a value that lies in a file; does it again, and it is as it was."""
    data = path.read_bytes()
    for form in (text, bytes([text[0] ^ 1]) + text[1:]):
        if form in data:
            with path.open("r+b") as file:
                file.seek(data.index(form))
                file.write(bytes([form[0] ^ 1]))
            return
    raise AssertionError(f"{text!r} is not in {path}")


def test_records_before_damage_are_given_and_reading_goes_on_once_it_is_mended(
    kafka, servers, three
):
    flip(log_file(kafka, three), b"value 15")
    with opened(three, servers) as source:
        assert len(read_all(source, at(three, 10))) == 10
        for _ in range(3):
            where = rf"{three}\[0\]@10: the record batch is damaged: expected the CRC-32C"
            with pytest.raises(CorruptBatchError, match=where):
                read_all(source)
            assert source.position() == at(three, 10)
        flip(log_file(kafka, three), b"value 15")
        assert [offset for _, offset, _ in read_all(source)] == list(range(10, 30))


def test_reading_can_go_on_behind_the_damage(kafka, servers, three):
    flip(log_file(kafka, three), b"value 15")
    with opened(three, servers, at(three, 10)) as source:
        with pytest.raises(CorruptBatchError):
            read_all(source)
        source.seek(at(three, 20))
        assert [offset for _, offset, _ in read_all(source)] == list(range(20, 30))


def test_checksums_may_be_left_out(kafka, servers, three):
    flip(log_file(kafka, three), b"value 15")
    with opened(three, servers, check_crcs=False) as source:
        assert len(read_all(source)) == 30


def test_record_by_record_damage_is_an_error_again_and_again(
    kafka, servers, three, monkeypatch, caplog
):
    monkeypatch.setattr(seam, "misfit", lambda consumer: "the test says so")
    flip(log_file(kafka, three), b"value 15")
    with opened(three, servers) as source, caplog.at_level(logging.WARNING):
        assert len(read_all(source, at(three, 10))) == 10
        for _ in range(3):
            with pytest.raises(CorruptBatchError, match="failed crc check; if opening the source"):
                read_all(source)
        assert source.position() == at(three, 10)


def test_damage_in_one_partition_does_not_keep_others_back(kafka, servers, two):
    flip(log_file(kafka, two), VALUES[50])
    with opened(two, servers) as source:
        found = []
        for _ in range(100):
            with suppress(CorruptBatchError):
                found += [b.value(i) for b in source.poll(0.5) for i in range(len(b))]
            if source.position().get(two, 1) == 100:
                break
        assert set(found) >= set(VALUES)
        assert source.position().get(two, 0) <= 50
