"""A wall clock that is far ahead of the broker's keeps no letter from being delivered, once."""

import time
from types import SimpleNamespace

import pytest
from kafka.errors import InvalidTimestampError

from ingest import KafkaDeadLetters, Position, RecordBatch
from ingest.formats.decoder import BadRecord
from ingest.kafka import producer_seam
from ingest.kafka.batch_producer import BatchProducer
from ingest.kafka.letters_topic import read_letters
from tests.ingest.test_dead_letters import raw_records

DAY_S = 86_400
HEARD_MS = 1_700_000_000_000
PER_BATCH = 3_000


@pytest.fixture
def clock(monkeypatch):
    """The wall clock that letters are dated by; `ahead` seconds ahead of the broker's."""
    ours = SimpleNamespace(ahead=0.0, monotonic=time.monotonic)
    ours.time = lambda: time.time() + ours.ahead
    monkeypatch.setattr(producer_seam, "time", ours)
    return ours


def send(letters, topic, low):
    """So many letters that they go in several requests."""
    offsets, values = range(low, low + PER_BATCH), [b"x" * 100] * PER_BATCH
    batch = RecordBatch.of(topic, 0, offsets, values, timestamps=[HEARD_MS + n for n in offsets])
    letters.send(batch, [BadRecord(n, "why", "not_json") for n in range(PER_BATCH)])


@pytest.mark.parametrize("compression", [None, "lz4"])
def test_letters_of_a_clock_that_is_a_day_ahead_are_taken_in_order_and_once(
    kafka, servers, topic, clock, caplog, compression
):
    name = f"{topic}.dead-letters"
    kafka.create_topic(name)
    options = {"bootstrap_servers": servers}
    letters = KafkaDeadLetters(
        {**options, "compression_type": compression}, writer="me", since=Position()
    )
    try:
        for number, ahead in enumerate((0.0, DAY_S, 0.0)):
            clock.ahead = ahead
            send(letters, topic, number * PER_BATCH)
            letters.flush()
        reached = letters.position(Position({topic: {0: 3 * PER_BATCH}}))
    finally:
        letters.close()
    found = list(read_letters(options, [name]))
    assert [letter.offset for letter in found] == list(range(3 * PER_BATCH))
    assert reached == Position({name: {0: 3 * PER_BATCH}})
    dates = [record.timestamp for record in raw_records(servers, name)]
    dated = dates[:PER_BATCH] + dates[2 * PER_BATCH :]
    assert set(dates[PER_BATCH : 2 * PER_BATCH]) == {-1}
    assert all(abs(date / 1000 - time.time()) < DAY_S / 2 for date in dated)
    undated = found[PER_BATCH : 2 * PER_BATCH]
    assert [letter.written for letter in undated] == [letter.timestamp for letter in undated]
    assert [line.message for line in caplog.records if "set the clock" in line.message] == [
        producer_seam.REFUSED % name
    ]


def test_a_batch_without_a_date_that_is_refused_is_not_sent_again(servers):
    """No broker is known that does so; it must come to an end."""
    producer = BatchProducer({"bootstrap_servers": servers}, {})
    told = []
    try:
        sender = producer._producer._sender
        del sender._dispatch_error
        sender._dispatch_error = lambda batch, error, response: told.append(type(error))
        producer_seam.undate_refused(producer._producer)
        config = producer._producer._accumulator.config
        records = producer_seam._filled(config, producer_seam._encoded([b"\1\1\0"]), 1)
        records.close()
        batch = SimpleNamespace(records=records, topic_partition=SimpleNamespace(topic="t"))
        for _ in range(2):
            sender._dispatch_error(batch, InvalidTimestampError("too late"), None)
    finally:
        producer.close()
    assert told == [producer_seam.DateRefusedError, InvalidTimestampError]
