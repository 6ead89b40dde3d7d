"""The seam into kafka-python's producer: that it is where it should be, and how it is without."""

import logging
import threading
import time

import pytest
from kafka import KafkaProducer
from kafka.producer.future import FutureRecordMetadata
from kafka.producer.record_accumulator import RecordAccumulator
from kafka.record.default_records import DefaultRecordBatchBuilder

from ingest import DeadLetterError, KafkaDeadLetters, Position, RecordBatch
from ingest.formats.decoder import BadRecord
from ingest.kafka import dead_letters, producer_seam
from ingest.kafka.batch_producer import BatchProducer
from ingest.kafka.letter import encode_letters
from ingest.kafka.letters_topic import read_letters
from ingest.kafka.producer_seam import misfit
from ingest.kafka.record_bytes import read_record, varint
from tests.ingest.test_dead_letters import headers, raw_records
from tests.ingest.test_letters_once import bad_records, identities

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


@pytest.fixture
def unfit(monkeypatch):
    monkeypatch.setattr(producer_seam, "misfit", lambda producer: "the test says so")


@pytest.fixture
def producer(servers):
    made = KafkaProducer(bootstrap_servers=servers)
    yield made
    made.close()


def test_the_seam_fits(producer):
    """If this fails, kafka-python has moved a part; `misfit` names it."""
    assert misfit(producer) is None


def test_a_seam_that_has_moved_is_named(producer, monkeypatch):
    assert misfit(object()) == "KafkaProducer has no _accumulator"
    changes = [
        (FutureRecordMetadata, "rebind", None, "FutureRecordMetadata.rebind takes None, not"),
        (
            *(RecordAccumulator, "_tp_lock", lambda self, tp, wait: None),
            "RecordAccumulator._tp_lock takes ['self', 'tp', 'wait'], not ['self', 'tp']",
        ),
        (
            *(DefaultRecordBatchBuilder, "append", lambda self, *args: args),
            "DefaultRecordBatchBuilder makes another _buffer of the same record",
        ),
        (producer_seam, "BUILDER_STATE", ("_crc",), "DefaultRecordBatchBuilder has no _crc"),
        (producer_seam, "BATCH_STATE", {"_order"}, "ProducerBatch has no _order"),
        (producer_seam, "CONFIG", {"magic"}, "RecordAccumulator has no option magic"),
    ]
    for owner, name, changed, told in changes:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, changed)
            assert told in misfit(producer)
    assert misfit(producer) is None


@pytest.mark.parametrize("way", ["whole", "one by one"])
def test_records_arrive_as_they_were_encoded(servers, topic, way, monkeypatch, caplog):
    if way == "one by one":
        monkeypatch.setattr(producer_seam, "misfit", lambda producer: "it has moved")
    with caplog.at_level(logging.WARNING, "millstream.ingest"):
        made = BatchProducer({"bootstrap_servers": servers}, {})
    try:
        assert made.partitions(topic) == 1
        key, value = varint(1) + b"k", varint(-1)
        header = varint(1) + varint(1) + b"h" + varint(2) + b"hv"
        records = [key + value + header, varint(-1) + varint(0) + varint(0)]
        sent = [made.send(topic, 0, records) for _ in range(2)]
        assert all(batch.wait(time.monotonic() + 30) for batch in sent)
        assert [batch.failures() for batch in sent] == [[], []]
        assert [(batch.is_done, batch.next_offset(), batch.count) for batch in sent] == [
            (True, 2, 2),
            (True, 4, 2),
        ]
    finally:
        made.close()
    found = [(r.key, r.value, r.headers) for r in raw_records(servers, topic)]
    assert found == [(b"k", None, [("h", b"hv")]), (None, b"", [])] * 2
    assert not any("kafka" in thread.name.lower() for thread in threading.enumerate())
    told = [line.message for line in caplog.records if "one by one" in line.message]
    assert len(told) == (way == "one by one")
    assert all(message.endswith("that batches were made for: it has moved") for message in told)


@pytest.mark.usefixtures("unfit")
def test_without_the_seam_each_bad_record_has_one_letter_after_a_kill(kafka, servers, topic):
    kafka.create_topic(f"{topic}.dead-letters", 2)
    options, opened = {"bootstrap_servers": servers}, []
    for until in (100, 150):
        opened.append(KafkaDeadLetters(options, writer="me", since=Position()))
        for partition in range(2):
            opened[-1].send(*bad_records(topic, partition, range(until)))
        opened[-1].flush()
    assert identities(servers, topic) == [(p, n) for p in range(2) for n in range(150)]
    saved = opened[-1].position(Position({topic: {0: 150, 1: 150}}))
    assert saved == Position({f"{topic}.dead-letters": {0: 150, 1: 150}})
    found = list(read_letters(options, [f"{topic}.dead-letters"]))
    for partition in range(2):
        mine = [letter for letter in found if letter.partition == partition]
        assert [letter.offset for letter in mine] == list(range(150))
        assert mine[7].value == b"bad 7"
        assert (mine[7].kind, mine[7].reason) == ("not_json", "why 7")
    for letters in opened:
        letters.close()


@pytest.mark.usefixtures("unfit")
def test_without_the_seam_nulls_arrive_and_a_refused_one_is_an_error(kafka, servers, topic):
    kafka.create_topic(f"{topic}.dead-letters", max_message_bytes=20_000)
    letters = KafkaDeadLetters({"bootstrap_servers": servers})
    values, keys = [None, b"", None, b"x" * 30_000], [None, None, b"k", None]
    batch = RecordBatch.of(topic, 0, range(4), values, keys=keys)
    letters.send(batch, [BadRecord(n, "why", "not_json") for n in range(4)])
    for _ in range(2):
        with pytest.raises(DeadLetterError, match=r"1 of 4 dead letters .*Size"):
            letters.flush()
    letters.close()
    found = raw_records(servers, f"{topic}.dead-letters")
    assert [(r.key, r.value, headers(r).get("null")) for r in found] == [
        (None, b"", "true"),
        (None, b"", None),
        (b"k", None, None),
    ]


@pytest.mark.usefixtures("unfit")
def test_without_the_seam_what_is_on_its_way_is_bounded(servers, topic, monkeypatch):
    monkeypatch.setattr(dead_letters, "MAX_WAITING_BYTES", 300_000)
    letters, most = KafkaDeadLetters({"bootstrap_servers": servers}), 0
    for low in range(0, 6_000, 1_000):
        letters.send(*bad_records(topic, 0, range(low, low + 1_000)))
        most = max(most, letters._waiting_bytes)
    letters.flush()
    letters.close()
    assert 100_000 < most <= 300_000
    assert identities(servers, topic) == [(0, n) for n in range(6_000)]


@pytest.mark.parametrize("number", [0, 1, -1, 63, 64, -64, -65, 4_094, 4_096, 2**31 - 1, -(2**31)])
def test_numbers_are_zigzag_varints(number):
    found, bits = 0, varint(number)
    for place, byte in enumerate(bits):
        found |= (byte & 0x7F) << (7 * place)
    assert (found >> 1) ^ -(found & 1) == number
    assert [byte & 0x80 for byte in bits] == [0x80] * (len(bits) - 1) + [0]


def test_letters_are_read_as_they_were_encoded():
    keys, values = [None, b"", b"k" * 70], [None, b"v" * 9_000, None]
    batch = RecordBatch.of("ü", 70_000, [0, 2**40, 2**62], values, keys=keys)
    bad = [BadRecord(n, f"wæs {n}", "wrong_type") for n in range(3)]
    (letters,) = encode_letters(batch, bad, "me")
    found = [read_record(letter) for letter in letters]
    assert [key for key, _, _ in found] == keys
    assert [value for _, value, _ in found] == [b"", b"v" * 9_000, None]
    told = dict(found[1][2])
    assert told["millstream.topic"] == "ü".encode()
    assert told["millstream.offset"] == str(2**40).encode()
    assert told["millstream.reason"] == "wæs 1".encode()
