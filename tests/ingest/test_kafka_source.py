"""On a real broker."""

import logging
import threading
import time

import pytest
from kafka import TopicPartition

from ingest import (
    Gap,
    GroupCommitter,
    Intake,
    JsonDecoder,
    KafkaSource,
    Position,
    SampleSettings,
    SourceError,
    WindowBuilder,
    read_window,
)
from ingest.checks import check_source
from millstream.stack.kafka import EmbeddedKafka
from tests.ingest.broker import admin, delete_before, opened, produce, producer, read_all
from tests.ingest.samples import SCHEMA, ListDeadLetters, encoded
from tests.ingest.test_window import same

VALUES = [f"v{n}".encode() for n in range(100)]


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    before = {thread.ident for thread in threading.enumerate()}
    yield
    left = [t for t in threading.enumerate() if t.ident not in before and t.is_alive()]
    for thread in left:
        thread.join(5)
    assert not [t.name for t in left if t.is_alive()]


@pytest.fixture
def servers(kafka):
    return kafka.bootstrap_servers


@pytest.fixture
def two(kafka, topic):
    """A topic with 100 records in each of two partitions."""
    kafka.create_topic(topic, 2)
    for partition in range(2):
        produce(kafka.bootstrap_servers, topic, VALUES, partition)
    return topic


def at(topic, *offsets):
    return Position({topic: dict(enumerate(offsets))})


def test_conformance(two, servers):
    check_source(
        lambda start: KafkaSource(
            [two], {"bootstrap_servers": servers, "max_poll_records": 17}, start or "earliest"
        ),
        200,
    )


def test_keys_values_and_timestamps(kafka, servers, topic):
    kafka.create_topic(topic)
    values = [b"x", None, b"", b"\x00\xff"]
    keys = [None, b"k", b"", b"key"]
    produce(servers, topic, values, key=lambda n: keys[n] if n else b"0")
    with opened(topic, servers) as source:
        batches = []
        while source.position() != source.end():
            batches += source.poll(0.5)
    rows = [(b.key(i), b.value(i), int(b.timestamps[i])) for b in batches for i in range(len(b))]
    assert rows == [
        (b"0", b"x", 1000),
        (b"k", None, 1001),
        (b"", b"", 1002),
        (b"key", b"\x00\xff", 1003),
    ]
    assert {batch.topic for batch in batches} == {topic}


@pytest.mark.parametrize("compression", ["gzip"])
def test_starting_inside_a_compressed_batch(kafka, servers, topic, compression):
    kafka.create_topic(topic)
    produce(servers, topic, VALUES, compression_type=compression, linger_ms=200)
    for start in (1, 50, 99):
        with opened(topic, servers, at(topic, start)) as source:
            assert read_all(source) == [(0, n, VALUES[n]) for n in range(start, 100)]


def test_where_it_starts(two, servers):
    for start, expected in (
        ("earliest", at(two, 0, 0)),
        ("latest", at(two, 100, 100)),
        (at(two, 7, 93), at(two, 7, 93)),
        (Position({two: {1: 5}}), at(two, 0, 5)),
    ):
        with opened(two, servers, start) as source:
            assert source.position() == expected
            assert source.end() == at(two, 100, 100)
            assert source.beginning() == at(two, 0, 0)


def test_it_goes_on_from_a_position(two, servers):
    with opened(two, servers, max_poll_records=30) as source:
        source.poll(5.0)
        position = source.position()
    with opened(two, servers, position) as source:
        rest = read_all(source)
    expected = [(p, n, VALUES[n]) for p in range(2) for n in range(position.get(two, p), 100)]
    assert 0 < len(rest) < 200
    assert sorted(rest) == expected


def test_seek_moves_only_the_named_partitions(two, servers):
    with opened(two, servers) as source:
        read_all(source)
        source.seek(Position({two: {1: 95}}))
        assert source.position() == at(two, 100, 95)
        assert [offset for _, offset, _ in read_all(source)] == [95, 96, 97, 98, 99]


def test_deleted_records_are_a_gap(two, servers, caplog):
    delete_before(servers, two, 40, 1)
    with opened(two, servers, at(two, 10, 20)) as source, caplog.at_level(logging.WARNING):
        found = read_all(source)
        assert source.take_gaps() == (Gap(two, 1, 20, 40),)
        assert source.take_gaps() == ()
        assert source.beginning() == at(two, 0, 40)
    assert [o for p, o, _ in found if p == 0] == list(range(10, 100))
    assert [o for p, o, _ in found if p == 1] == list(range(40, 100))
    assert f"{two}[1]: offsets 20 to 39 were deleted" in caplog.text


def test_records_deleted_while_reading_are_a_gap(kafka, servers, topic):
    kafka.create_topic(topic)
    produce(servers, topic, VALUES, batch_size=100)
    options = {"max_partition_fetch_bytes": 1, "max_poll_records": 1}
    with opened(topic, servers, **options) as source:
        while not source.poll(1.0):
            pass
        delete_before(servers, topic, 90)
        found = read_all(source)
        (gap,) = source.take_gaps()
    assert gap.end == 90
    read = [0, *(offset for _, offset, _ in found)]
    assert read == [*range(gap.start), *range(90, 100)]


def test_a_partition_whose_records_are_all_deleted(two, servers):
    delete_before(servers, two, 100, 0)
    with opened(two, servers, at(two, 3, 100)) as source:
        assert read_all(source) == []
        assert source.take_gaps() == (Gap(two, 0, 3, 100),)


def test_earliest_is_what_there_is_and_no_gap(two, servers):
    delete_before(servers, two, 40, 1)
    with opened(two, servers) as source:
        assert source.position() == at(two, 0, 40)
        assert len(read_all(source)) == 160
        assert source.take_gaps() == ()


def test_a_position_past_the_end_is_an_error(two, servers):
    with (
        opened(two, servers, at(two, 0, 101)) as source,
        pytest.raises(SourceError, match=r"\[1\]: the position 101 lies past the end"),
    ):
        read_all(source, at(two, 100, 101 + 1))


def test_a_position_that_is_there_after_all_is_read_again(two, servers):
    """The broker may refuse an offset once that a moment later it has, as on a new leader."""
    delete_before(servers, two, 40, 1)
    with opened(two, servers, at(two, 20, 60)) as source:
        source._step_over({TopicPartition(two, 0): 20, TopicPartition(two, 1): 60})
        assert source.position() == at(two, 20, 60)
        assert source.take_gaps() == ()
        assert len(read_all(source)) == 80 + 40


def test_a_position_at_the_end_is_not_past_it(two, servers):
    with opened(two, servers, at(two, 100, 100)) as source:
        source._step_over({TopicPartition(two, 1): 100})
        assert source.position() == at(two, 100, 100)


def test_a_position_of_a_partition_that_is_not_there_is_an_error(two, servers):
    message = r"\[2\]: the position names this partition, the broker does not have it"
    with pytest.raises(SourceError, match=message):
        KafkaSource([two], {"bootstrap_servers": servers}, at(two, 0, 0, 0))


def test_partitions_that_are_added_are_read_from_their_first_record(two, servers):
    with opened(two, servers, "latest", metadata_max_age_ms=100) as source:
        with admin(servers) as client:
            client.create_partitions({two: 4})
        produce(servers, two, VALUES[:5], 3)
        found = []
        deadline = time.monotonic() + 30
        while len(found) < 5 and time.monotonic() < deadline:
            found += [b.value(i) for b in source.poll(0.2) for i in range(len(b))]
        assert found == VALUES[:5]
        assert source.position() == at(two, 100, 100, 0, 5)


def test_aborted_records_are_not_seen_and_markers_are_passed(kafka, servers, topic):
    kafka.create_topic(topic)
    with producer(servers, transactional_id=topic) as made:
        made.init_transactions()
        for round_, commit in enumerate([True, False, True, False]):
            made.begin_transaction()
            for n in range(3):
                made.send(topic, f"{round_}.{n}".encode(), partition=0)
            made.flush()
            (made.commit_transaction if commit else made.abort_transaction)()
    with opened(topic, servers) as source:
        end = source.end()
        found = read_all(source)
        assert source.position() == end == at(topic, 16)
    assert [value for _, _, value in found] == [b"0.0", b"0.1", b"0.2", b"2.0", b"2.1", b"2.2"]
    assert [offset for _, offset, _ in found] == [0, 1, 2, 8, 9, 10]
    with opened(topic, servers, isolation_level="read_uncommitted") as source:
        assert len(read_all(source)) == 12
    with opened(topic, servers, at(topic, 11)) as source:
        assert read_all(source) == []
        assert source.position() == at(topic, 16)


def test_open_transactions_hold_the_end_back(kafka, servers, topic):
    kafka.create_topic(topic)
    produce(servers, topic, VALUES[:2])
    with producer(servers, transactional_id=topic) as made, opened(topic, servers) as source:
        made.init_transactions()
        made.begin_transaction()
        made.send(topic, b"pending", partition=0).get(timeout=30)
        assert source.end() == at(topic, 2)
        assert [offset for _, offset, _ in read_all(source)] == [0, 1]
        made.commit_transaction()
        assert [value for _, _, value in read_all(source, at(topic, 4))] == [b"pending"]


def test_windows_and_their_replay_on_transactions(kafka, servers, topic):
    kafka.create_topic(topic, 2)
    with producer(servers, transactional_id=topic) as made:
        made.init_transactions()
        for round_ in range(6):
            made.begin_transaction()
            for n in range(40):
                number = 40 * round_ + n
                made.send(topic, b"bad" if n == 7 else encoded(number), partition=number % 2)
            made.flush()
            (made.abort_transaction if round_ % 3 == 1 else made.commit_transaction)()

    def builder(start):
        settings = SampleSettings(seed=1, window=30, holdout=0.2, holdout_rows=9)
        decoder = JsonDecoder(SCHEMA)
        return WindowBuilder(SCHEMA, (topic,), decoder, ListDeadLetters(), settings, start)

    windows = []
    with opened(topic, servers, max_poll_records=15) as source:
        intake = Intake(source, builder(source.position()))
        intake.start()
        deadline = time.monotonic() + 30
        while intake.position() != at(topic, 126, 126) and time.monotonic() < deadline:
            windows.append(intake.cut())
            time.sleep(0.02)
        windows.append(intake.cut())
        intake.close()
    windows = [window for window in windows if window.start != window.end]
    assert windows[-1].end == at(topic, 126, 126)
    assert sum(window.counts.seen for window in windows) == 4 * 40
    assert sum(window.counts.bad for window in windows) == 4
    for window in windows:
        with opened(topic, servers, window.start) as source:
            assert same(read_window(source, builder(window.start), window.end), window)


def test_several_topics(kafka, servers, topic):
    names = [f"{topic}-b", f"{topic}-a"]
    for name in names:
        kafka.create_topic(name)
        produce(servers, name, VALUES[:3])
    with opened(names, servers) as source:
        assert source.topics == tuple(sorted(names))
        assert len(read_all(source)) == 6
        assert source.position() == Position({name: {0: 3} for name in names})


def test_a_topic_that_does_not_exist_is_an_error_and_is_not_created(servers, topic):
    for _ in range(2):
        with pytest.raises(SourceError, match=f"topic {topic}: the broker at .* does not have it"):
            KafkaSource([topic], {"bootstrap_servers": servers})


def test_an_unreachable_broker_is_one_clear_line():
    options = {"bootstrap_servers": "127.0.0.1:1", "bootstrap_timeout_ms": 500}
    with pytest.raises(SourceError) as caught:
        KafkaSource(["t"], options)
    assert str(caught.value) == (
        "open the topics: no answer from the broker at 127.0.0.1:1; is it running, and is"
        " kafka.bootstrap_servers right?"
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"group_id": "x"}, "kafka.options.group_id: set by ingest itself"),
        ({"fetch_max_byte": 1}, "no such option; did you mean fetch_max_bytes?"),
        ({"isolation_level": "x"}, "isolation_level"),
        ({"request_timeout_ms": 1}, "request_timeout_ms"),
    ],
)
def test_a_wrong_option_is_named(servers, topic, option, message):
    with pytest.raises(SourceError, match=message.replace("?", r"\?")):
        KafkaSource([topic], {"bootstrap_servers": servers, **option})


def test_options_of_producers_do_no_harm(two, servers):
    with opened(two, servers, compression_type="gzip", linger_ms=5) as source:
        assert source.position() == at(two, 0, 0)


def test_close_may_be_repeated(two, servers):
    source = KafkaSource([two], {"bootstrap_servers": servers})
    source.poll(0.1)
    source.close()
    source.close()


def test_the_group_shows_the_position(two, servers):
    committer = GroupCommitter({"bootstrap_servers": servers, "linger_ms": 5}, f"group-{two}")
    try:
        committer.commit(at(two, 5, 6))
        committer.commit(at(two, 50, 60))
    finally:
        committer.close()
        committer.close()
    with admin(servers) as client:
        groups = client.list_group_offsets([f"group-{two}"])
    offsets = next(iter(groups.values()))
    assert {tp.partition: entry.offset for tp, entry in offsets.items()} == {0: 50, 1: 60}


def test_a_group_that_cannot_be_told_is_no_failure(caplog):
    options = {"bootstrap_servers": "127.0.0.1:1", "bootstrap_timeout_ms": 300}
    committer = GroupCommitter(options, "g")
    committer.commit(at("t", 1))
    committer.close()
    assert "the consumer group was not updated" in caplog.text


@pytest.mark.slow
def test_reading_goes_on_after_the_broker_was_away(tmp_path, topic):
    with EmbeddedKafka(tmp_path) as broker:
        broker.create_topic(topic)
        produce(broker.bootstrap_servers, topic, VALUES[:50])
        with opened(topic, broker.bootstrap_servers, max_poll_records=10) as source:
            found = [b.value(i) for b in source.poll(5.0) for i in range(len(b))]
            broker.stop()
            found += [b.value(i) for _ in range(8) for b in source.poll(0.1) for i in range(len(b))]
            broker.start()
            produce(broker.bootstrap_servers, topic, VALUES[50:])
            found += [value for _, _, value in read_all(source, at(topic, 100))]
            assert found == VALUES


@pytest.mark.slow
def test_holes_of_compaction_are_passed_and_are_no_gaps(tmp_path, topic):
    overrides = {"log.cleaner.backoff.ms": 100, "log.cleaner.min.cleanable.ratio": 0.01}
    with EmbeddedKafka(tmp_path, overrides=overrides) as broker:
        servers = broker.bootstrap_servers
        broker.create_topic(topic, cleanup_policy="compact", segment_bytes=1_048_576)
        filler = [b"x" * 20_000 + str(n).encode() for n in range(200)]
        produce(servers, topic, filler, key=lambda n: str(n % 3).encode(), batch_size=1)
        deadline = time.monotonic() + 60
        while True:
            with opened(topic, servers) as source:
                found = read_all(source)
                assert source.position() == at(topic, 200)
                assert source.take_gaps() == ()
            if len(found) < 200:
                break
            assert time.monotonic() < deadline, "the broker never compacted"
            time.sleep(0.2)
        offsets = [offset for _, offset, _ in found]
        assert offsets[-1] == 199
        assert all(value == filler[offset] for _, offset, value in found)
        hole = next(n for n in range(200) if n not in offsets)
        with opened(topic, servers, at(topic, hole)) as source:
            rest = [offset for _, offset, _ in read_all(source)]
            assert source.take_gaps() == ()
        # The broker may have compacted again in between, but it always keeps the last record.
        assert set(rest) <= {offset for offset in offsets if offset > hole}
        assert rest[-1] == 199
