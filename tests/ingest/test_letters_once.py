"""Each bad record has one letter, whatever instant its writer is killed at; memory is bounded."""

import itertools
import time

import numpy as np
import pytest

from ingest import (
    DeadLetterError,
    KafkaDeadLetters,
    Position,
    RecordBatch,
    SourceError,
    end_of_topics,
)
from ingest.formats.decoder import BadRecord
from ingest.kafka import dead_letters as module
from ingest.kafka import delivered
from ingest.kafka.delivered import Delivered
from ingest.kafka.letters_topic import read_letters
from tests.ingest.broker import at
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


def test_letters_of_another_workers_records_are_none_to_wait_for(kafka, servers, topic, opened):
    letters_topic = f"{topic}.dead-letters"
    kafka.create_topic(letters_topic)
    killed = opened(writer="me", since=Position())
    for partition in (0, 1):
        killed.send(*bad_records(topic, partition, range(10)))
    killed.flush()
    again = opened(writer="me", since=Position(), takes=lambda partition: partition == 1)
    again.send(*bad_records(topic, 1, range(12)))
    again.flush()
    assert again.position(Position({topic: {1: 12}})) == Position({letters_topic: {0: 22}})


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
        here = dict(saved)
        for _ in range(random.integers(1, 8)):
            partition = int(random.integers(0, 2))
            until = min(60, here[partition] + int(random.integers(1, 12)))
            if until > here[partition]:
                letters.send(*bad_records(topic, partition, range(here[partition], until)))
                here[partition] = until
            if random.random() < 0.3:  # a round is cut, and its checkpoint is there
                letters.flush()
                saved, letters_from = dict(here), letters.position(Position({topic: here}))
        letters.flush()  # what was sent arrives, or a kill would leave less to be found
    expected = [(p, n) for p in range(2) for n in range(60)]
    assert identities(servers, topic) == expected


class Unhurried:
    """What was sent, of which the broker's answer is only seen by who waits for it."""

    def __init__(self, sent):
        self._sent = sent
        self.is_done = False

    def __getattr__(self, name):
        return getattr(self._sent, name)

    def wait(self, until):
        self.is_done = self._sent.wait(until)
        return self.is_done


def test_what_is_on_its_way_is_bounded(servers, topic, opened, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 1_000_000)
    letters = opened()
    send = letters._producer.send
    monkeypatch.setattr(letters._producer, "send", lambda *args: Unhurried(send(*args)))
    most = 0
    for low in range(0, 40_000, 5_000):
        offsets = range(low, low + 5_000)
        batch = RecordBatch.of(topic, 0, offsets, [b"x" * 100] * 5_000)
        letters.send(batch, [BadRecord(n, "why", "not_json") for n in range(5_000)])
        most = max(most, sum(sent.size for sent in letters._waiting))
    assert 500_000 < most <= 1_000_000
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


def test_what_is_delivered_is_let_go_of_before_anyone_asks(servers, topic, opened):
    """One bad record now and then, in the middle of a window that is cut hours later."""
    letters = opened()
    for offset in range(50):
        letters.send(*bad_records(topic, 0, [offset]))
        assert all(sent.wait(time.monotonic() + 30) for sent in list(letters._waiting))
        assert len(letters._waiting) <= 1
        assert letters._waiting_bytes == sum(sent.size for sent in letters._waiting)
    letters.flush()
    assert letters._waiting_bytes == 0
    assert identities(servers, topic) == [(0, n) for n in range(50)]


class LateSent:
    """Delivered in the instant after a wait for it has ended in vain."""

    topic, partition, count, size = "t", 0, 3, 10

    def __init__(self):
        self.waits = 0

    @property
    def is_done(self):
        return self.waits > 0

    def wait(self, until):
        self.waits += 1
        return self.waits > 1

    def failures(self):
        return []

    def next_offset(self):
        return 3


def test_letters_that_arrive_as_the_wait_for_them_ends_are_no_failure(opened):
    letters = opened()
    letters._waiting.append(LateSent())
    letters._waiting_bytes = 10
    letters.flush()
    assert letters._reached == {("t", 0): 3}


def test_a_range_that_the_broker_does_not_give_is_an_error(kafka, servers, topic, monkeypatch):
    kafka.create_topic(topic)
    monkeypatch.setattr(delivered, "STALL_S", 0.5)
    with pytest.raises(
        SourceError, match=rf"{topic}: no record came for 0.5 s between .*0: 0.*0: 5"
    ):
        list(delivered.read_range({"bootstrap_servers": servers}, Position(), at(topic, 5)))
