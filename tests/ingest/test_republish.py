"""Dead letters go back to where their records were, each once, whenever it is killed."""

import signal
import subprocess
import sys
import time

import pytest

from ingest import KafkaDeadLetters, RecordBatch, SourceError
from ingest.formats.decoder import BadRecord
from ingest.kafka import republish as module
from ingest.kafka.delivered import end_of_topics, read_range
from ingest.kafka.letters_topic import MARKER, Marker, read_letters
from ingest.kafka.republish import RepublishRequest, republish, survey, transactional
from ingest.position import Position

DEADLINE_S = 90.0
RUN = """
import sys
from ingest.kafka import republish
republish.CHUNK = 200
servers, letters, topic = sys.argv[1:]
request = republish.RepublishRequest({"bootstrap_servers": servers}, (letters,), (topic,))
print(republish.republish(request).sent.total())
"""


@pytest.fixture
def options(kafka):
    return {"bootstrap_servers": kafka.bootstrap_servers}


@pytest.fixture
def letters(options):
    made = KafkaDeadLetters(options)
    yield made
    made.close()


def request_for(options, *topics, kind=None):
    return RepublishRequest(
        options, tuple(f"{topic}.dead-letters" for topic in topics), topics, kind
    )


def send(letters, topic, values, *, first=0, partition=0, keys=None, kind="not_json"):
    offsets = range(first, first + len(values))
    batch = RecordBatch.of(
        topic, partition, offsets, values, keys=keys, timestamps=[10_000 + n for n in offsets]
    )
    letters.send(batch, [BadRecord(n, f"why {n}", kind) for n in range(len(values))])
    letters.flush()


def records(options, topic):
    """All committed records: partition, key, value, timestamp, headers; sorted by header."""
    found = []
    for batch in read_range(options, Position(), end_of_topics(options, [topic])):
        found += [
            (
                dict(batch.headers(n)).get("millstream.republished", b"").decode(),
                batch.partition,
                batch.key(n),
                batch.value(n),
                int(batch.timestamps[n]),
            )
            for n in range(len(batch))
        ]
    return sorted(found)


def test_they_go_back_whole_and_only_once(kafka, options, topic, letters):
    kafka.create_topic(topic, 3)
    kafka.create_topic(f"{topic}.dead-letters", 2)
    send(letters, topic, [b"a", b"", None], partition=0, keys=[b"k", None, b"null"])
    send(letters, topic, [b"b"], partition=2, first=7)
    request = request_for(options, topic)
    for _ in range(2):
        assert survey(request).sent == {"not_json": 4}
    assert republish(request).sent == {"not_json": 4}
    assert records(options, topic) == [
        (f"{topic}[0]@0", 0, b"k", b"a", 10_000),
        (f"{topic}[0]@1", 0, None, b"", 10_001),
        (f"{topic}[0]@2", 0, b"null", None, 10_002),
        (f"{topic}[2]@7", 2, None, b"b", 10_007),
    ]
    for act in (survey, republish):
        again = act(request)
        assert (again.sent, again.before) == ({}, 4)
    send(letters, topic, [b"new"], first=20)
    assert republish(request).sent == {"not_json": 1}
    assert len(records(options, topic)) == 5


def test_one_kind_and_then_all(kafka, options, topic, letters):
    kafka.create_topic(topic)
    for first in range(0, 60, 6):
        send(letters, topic, [b"n"] * 2, first=first)
        send(letters, topic, [b"w"] * 4, first=first + 2, kind="wrong_type")
    assert republish(request_for(options, topic, kind="wrong_type")).sent == {"wrong_type": 40}
    assert republish(request_for(options, topic, kind="wrong_type")).sent == {}
    left = republish(request_for(options, topic))
    assert (left.sent, left.before) == ({"not_json": 20}, 40)
    assert republish(request_for(options, topic, kind="not_json")).sent == {}
    found = [name for name, *_ in records(options, topic)]
    assert len(found) == len(set(found)) == 60


def test_what_cannot_go_back_is_refused_with_the_reason(kafka, options, topic, letters):
    kafka.create_topic(topic)
    values = [b"x" * 1_000_000, None, b"y", b"z"]
    send(letters, topic, values, keys=[None, None, b"k" * 150_000, None])
    letters_elsewhere = f"{topic}-gone"
    shared = KafkaDeadLetters(options, f"{topic}.dead-letters")
    send(shared, letters_elsewhere, [b"1"])
    send(shared, f"{topic}-other", [b"2"])
    send(shared, topic, [b"z"], first=3)  # another pipeline's letter about the same record
    shared.close()
    request = RepublishRequest(options, (f"{topic}.dead-letters",), (topic, letters_elsewhere))
    done = republish(request)
    assert done.sent == {"not_json": 1}
    assert done.refused == {
        "its value was cut, so that it is not the record any more": 1,
        "its key was cut, so that it is not the record any more": 1,
        "it has neither key nor value": 1,
        f"topic {letters_elsewhere} is not there": 1,
    }
    assert done.repeated == 1
    assert [value for _, _, _, value, _ in records(options, topic)] == [b"z"]
    # Letters of a topic that was not asked for are not counted as done.
    kafka.create_topic(f"{topic}-other")
    later = RepublishRequest(options, (f"{topic}.dead-letters",), (f"{topic}-other",))
    assert republish(later).sent == {"not_json": 1}
    # Nor are those of a topic that was not there; and what was refused once is refused again.
    kafka.create_topic(letters_elsewhere)
    for act in (survey, republish):
        again = act(request)
        assert again.sent == {"not_json": 1}
        assert sum(again.refused.values()) == 3
        assert (again.before, again.repeated) == (1, 1)
    assert [value for _, _, _, value, _ in records(options, letters_elsewhere)] == [b"1"]


def test_a_transaction_that_was_aborted_has_republished_nothing(kafka, options, topic, letters):
    """Also for those who have set that they read what was not committed."""
    kafka.create_topic(topic)
    send(letters, topic, [b"a", b"b"])
    marker = Marker(10, {topic: 1}, None)
    with transactional(request_for(options, topic), f"{topic}.dead-letters") as producer:
        producer.begin_transaction()
        producer.send(f"{topic}.dead-letters", value=marker.to_bytes(), headers=[MARKER])
        producer.flush()
        producer.abort_transaction()
    loose = {**options, "isolation_level": "read_uncommitted"}
    assert survey(request_for(loose, topic)).sent == {"not_json": 2}
    assert republish(request_for(loose, topic)).sent == {"not_json": 2}


def test_a_transaction_of_another_that_hides_markers_is_refused(
    kafka, options, topic, letters, monkeypatch
):
    """Markers behind it cannot be read, and without them letters would go back twice."""
    monkeypatch.setattr(module, "OPEN_S", 0.5)
    kafka.create_topic(topic)
    send(letters, topic, [b"a"])
    with transactional(request_for(options, topic), "another") as other:
        other.begin_transaction()
        other.send(f"{topic}.dead-letters", value=b"x")
        other.flush()
        with pytest.raises(SourceError, match=rf"{topic}.dead-letters: a transaction .* is open"):
            republish(request_for(options, topic))
        assert len(list(read_letters(options, [f"{topic}.dead-letters"]))) == 1
        other.abort_transaction()
    assert republish(request_for(options, topic)).sent == {"not_json": 1}


def test_no_letters_and_no_topic(options, topic):
    assert republish(request_for(options, topic)).sent == {}
    assert list(read_letters(options, [f"{topic}.dead-letters"])) == []


def test_markers_are_no_letters_and_strange_records_neither(kafka, options, topic, letters):
    kafka.create_topic(topic)
    send(letters, topic, [b"a"])
    republish(request_for(options, topic))
    from tests.ingest.broker import produce

    produce(options["bootstrap_servers"], f"{topic}.dead-letters", [b"by hand", b"{}"])
    assert [letter.value for letter in read_letters(options, [f"{topic}.dead-letters"])] == [b"a"]
    assert republish(request_for(options, topic)).before == 1


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{}",
        b"[1]",
        b'{"until": "x"}',
        b'{"until": 1, "topics": ["a"], "kind": null}',
        b"\xff",
    ],
)
def test_what_is_no_marker_is_none(value):
    assert Marker.of(value) is None
    marker = Marker(7, {"a": 1, "b": 3}, None)
    assert Marker.of(marker.to_bytes()) == marker


@pytest.mark.slow
def test_kills_in_the_middle_neither_lose_nor_repeat(kafka, options, topic, letters):
    """SIGKILL after growing parts of 4,000 letters in transactions of 200, then to the end."""
    kafka.create_topic(topic, 2)
    for partition in range(2):
        send(letters, topic, [b"v%d" % n for n in range(2_000)], partition=partition)
    servers = options["bootstrap_servers"]
    arguments = [sys.executable, "-c", RUN, servers, f"{topic}.dead-letters", topic]
    uncommitted = {**options, "isolation_level": "read_uncommitted"}
    killed = 0
    for share in range(1, 7):
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + DEADLINE_S
        while process.poll() is None:
            assert time.monotonic() < deadline
            written = sum(offset for _, _, offset in end_of_topics(uncommitted, [topic]).items())
            if written > share * 550:
                process.kill()
        killed += process.wait() == -signal.SIGKILL
    assert killed >= 3
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    assert 0 <= int(done.stdout) < 4_000
    names = [name for name, *_ in records(options, topic)]
    assert names == sorted(f"{topic}[{p}]@{n}" for p in range(2) for n in range(2_000))
    again = republish(request_for(options, topic))
    assert (again.sent, again.before) == ({}, 4_000)
