"""Each bad record has one letter, whatever instant its writer is killed at; memory is bounded."""

import itertools
import threading
import time

import numpy as np
import pytest

from ingest import DeadLetterError, KafkaDeadLetters, Position, RecordBatch, end_of_topics
from ingest.formats.decoder import BadRecord
from ingest.kafka import dead_letters as module
from ingest.kafka.batch_producer import BatchProducer, varint
from ingest.kafka.delivered import Delivered
from ingest.kafka.letters_topic import read_letters
from tests.ingest.test_dead_letters import headers, raw_records


@pytest.fixture
def servers(kafka):
    return kafka.bootstrap_servers


@pytest.fixture
def opened(servers):
    made = []

    def open_letters(topic="{topic}.dead-letters", **options):
        letters = KafkaDeadLetters({"bootstrap_servers": servers}, topic, **options)
        made.append(letters)
        return letters

    yield open_letters
    for letters in made:
        letters.close()


def bad_records(topic, partition, offsets):
    values = [b"bad %d" % offset for offset in offsets]
    batch = RecordBatch.of(topic, partition, list(offsets), values)
    return batch, [BadRecord(n, f"why {n}", "not_json") for n in range(len(batch))]


def identities(servers, topic):
    found = raw_records(servers, f"{topic}.dead-letters")
    return sorted((int(headers(r)["partition"]), int(headers(r)["offset"])) for r in found)


def test_letters_of_a_killed_writer_are_not_sent_again(kafka, servers, topic, opened):
    kafka.create_topic(f"{topic}.dead-letters", 3)
    start = Position({topic: {0: 0, 1: 0}})
    killed = opened(writer="me", since=Position())
    killed.send(*bad_records(topic, 0, range(300)))
    killed.send(*bad_records(topic, 1, range(40)))
    killed.flush()
    # It has told no position: the next one begins where it began, and meets the records again.
    for step in (1, 7, 50):
        again = opened(writer="me", since=Position())
        for low in range(0, 300, 60):
            again.send(*bad_records(topic, 0, range(low, low + 60)))
        again.send(*bad_records(topic, 1, range(40 + step)))
        again.flush()
        assert again.position(start) == Position(), "some may be met again"
    assert identities(servers, topic) == [(0, n) for n in range(300)] + [(1, n) for n in range(90)]


def test_a_position_moves_on_when_all_of_an_earlier_writer_was_met(kafka, servers, topic, opened):
    letters_topic = f"{topic}.dead-letters"
    kafka.create_topic(letters_topic, 2)
    first = opened(writer="me", since=Position())
    first.send(*bad_records(topic, 0, range(100)))
    first.flush()
    assert first.position(Position({topic: {0: 100}})) == Position({letters_topic: {0: 100, 1: 0}})
    second = opened(writer="me", since=Position())
    assert second.position(Position({topic: {0: 0}})) == Position(), "nothing was met yet"
    second.send(*bad_records(topic, 0, range(10)))
    second.flush()
    # Up to 10 is saved now; a kill after this must still find the letters of 10 to 99.
    saved = second.position(Position({topic: {0: 10}}))
    assert saved == Position()
    third = opened(writer="me", since=saved)
    third.send(*bad_records(topic, 0, range(10, 120)))
    third.flush()
    after = third.position(Position({topic: {0: 120}}))
    assert after == end_of_topics({"bootstrap_servers": servers}, [letters_topic])
    assert identities(servers, topic) == [(0, n) for n in range(120)]
    fourth = opened(writer="me", since=after)
    fourth.send(*bad_records(topic, 0, range(120, 130)))
    fourth.flush()
    assert len(fourth._delivered[letters_topic]) == 0
    assert identities(servers, topic) == [(0, n) for n in range(130)]


def test_letters_of_others_do_not_count(kafka, servers, topic, opened):
    kafka.create_topic(f"{topic}.dead-letters")
    for writer in ("me", "you", ""):
        letters = opened(writer=writer, since=Position())
        letters.send(*bad_records(topic, 0, range(5)))
        letters.flush()
    assert len(identities(servers, topic)) == 15
    found = Delivered({"bootstrap_servers": servers}, [f"{topic}.dead-letters"], Position(), "you")
    assert len(found) == 5


@pytest.mark.parametrize("since", [0, 10_000])
def test_a_topic_that_was_made_anew_is_read_from_its_beginning(kafka, servers, topic, since):
    kafka.create_topic(f"{topic}.dead-letters")
    options = {"bootstrap_servers": servers}
    letters = KafkaDeadLetters(options, writer="me")
    letters.send(*bad_records(topic, 0, range(5)))
    letters.flush()
    letters.close()
    since = Position({f"{topic}.dead-letters": {0: since}})
    assert len(Delivered(options, [f"{topic}.dead-letters", "not-there"], since, "me")) == 5


@pytest.mark.parametrize("cut", range(2))
def test_any_kill_and_any_saved_position_give_one_letter_each(kafka, servers, topic, opened, cut):
    """A writer that is killed at random, with windows cut at random, over two partitions."""
    kafka.create_topic(f"{topic}.dead-letters", 2)
    random = np.random.default_rng(cut)
    saved, letters_from = {0: 0, 1: 0}, Position()
    while min(saved.values()) < 60:
        letters = opened(writer="me", since=letters_from)
        at = dict(saved)
        for _ in range(random.integers(1, 8)):
            partition = int(random.integers(0, 2))
            until = min(60, at[partition] + int(random.integers(1, 12)))
            if until > at[partition]:
                letters.send(*bad_records(topic, partition, range(at[partition], until)))
                at[partition] = until
            if random.random() < 0.3:  # a round is cut, and its checkpoint is there
                letters.flush()
                saved, letters_from = dict(at), letters.position(Position({topic: at}))
        letters.flush()  # what was sent arrives, or a kill would leave less to be found
    expected = [(p, n) for p in range(2) for n in range(60)]
    assert identities(servers, topic) == expected


def test_what_is_on_its_way_is_bounded(servers, topic, opened, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 1_000_000)
    letters = opened()
    most = 0
    for low in range(0, 40_000, 5_000):
        offsets = range(low, low + 5_000)
        batch = RecordBatch.of(topic, 0, offsets, [b"x" * 100] * 5_000)
        letters.send(batch, [BadRecord(n, "why", "not_json") for n in range(5_000)])
        most = max(most, sum(sent.size for sent in letters._waiting))
    assert 256_000 < most <= 1_000_000
    letters.flush()
    assert not letters._waiting
    found = {letter.offset for letter in read_letters(
        {"bootstrap_servers": servers}, [f"{topic}.dead-letters"]
    )}  # fmt: skip
    assert found == set(range(40_000))


def test_a_batch_that_the_broker_finds_too_large_is_split(kafka, servers, topic, opened):
    kafka.create_topic(f"{topic}.dead-letters", max_message_bytes=20_000)
    letters = opened()
    batch = RecordBatch.of(topic, 0, range(34), [b"x" * 3_000] * 34)
    letters.send(batch, [BadRecord(n, "why", "not_json") for n in range(34)])
    letters.flush()
    assert identities(servers, topic) == [(0, n) for n in range(34)]
    end = end_of_topics({"bootstrap_servers": servers}, [f"{topic}.dead-letters"])
    assert Position.of((*part, offset) for part, offset in letters._reached.items()) == end


def test_one_that_is_too_large_for_the_topic_is_told_and_the_others_are_there_once(
    kafka, servers, topic, opened
):
    kafka.create_topic(f"{topic}.dead-letters", max_message_bytes=20_000)
    letters = opened(writer="me", since=Position())
    batch = RecordBatch.of(
        topic, 0, range(34), [b"x" * 30_000 if n == 30 else b"y" * 3_000 for n in range(34)]
    )
    bad = [BadRecord(n, "why", "not_json") for n in range(34)]
    letters.send(batch, bad)
    for _ in range(2):
        with pytest.raises(DeadLetterError, match=r"[1-4] of \d+ dead letters .*Size"):
            letters.flush()
    again = opened(writer="me", since=Position())
    again.send(batch, [record for record in bad if record.index != 30])
    again.flush()
    assert identities(servers, topic) == [(0, n) for n in range(34) if n != 30]


def test_the_producer_has_what_is_reached_into(servers, topic):
    """If this fails, kafka-python has changed inside: see ingest.kafka.batch_producer."""
    producer = BatchProducer({"bootstrap_servers": servers}, {})
    try:
        assert producer.partitions(topic) == 1
        key, value = varint(1) + b"k", varint(-1)
        header = varint(1) + varint(1) + b"h" + varint(2) + b"hv"
        sent = producer.send(topic, 0, [key + value + header, varint(-1) + varint(0) + varint(0)])
        assert sent.failures(time.monotonic() + 30) == []
        assert (sent.is_done, sent.next_offset(), sent.count) == (True, 2, 2)
    finally:
        producer.close()
    records = raw_records(servers, topic)
    assert [(r.key, r.value, r.headers) for r in records] == [
        (b"k", None, [("h", b"hv")]),
        (None, b"", []),
    ]
    assert not any("kafka" in thread.name.lower() for thread in threading.enumerate())


@pytest.mark.parametrize("number", [0, 1, -1, 63, 64, -64, -65, 4_094, 4_096, 2**31 - 1, -(2**31)])
def test_numbers_are_zigzag_varints(number):
    found, bits = 0, varint(number)
    for place, byte in enumerate(bits):
        found |= (byte & 0x7F) << (7 * place)
    assert (found >> 1) ^ -(found & 1) == number
    assert [byte & 0x80 for byte in bits] == [0x80] * (len(bits) - 1) + [0]


def test_letters_of_a_partition_lie_in_its_order(kafka, servers, topic, opened):
    kafka.create_topic(f"{topic}.dead-letters", 2)
    letters = opened()
    for low, partition in itertools.product(range(0, 50, 10), range(3)):
        letters.send(*bad_records(topic, partition, range(low, low + 10)))
    letters.flush()
    found = list(read_letters({"bootstrap_servers": servers}, [f"{topic}.dead-letters"]))
    for partition in range(3):
        mine = [letter for letter in found if letter.partition == partition]
        assert [letter.offset for letter in mine] == list(range(50))
        assert {letter.place[1] for letter in mine} == {partition % 2}
