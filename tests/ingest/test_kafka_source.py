"""The source on a real broker, decoding columns, and reading record by record."""

import time

import pytest

from ingest import KafkaSource, Position, SourceError
from ingest.checks import check_source
from tests.ingest.broker import VALUES, admin, at, opened, produce, read_all

pytestmark = pytest.mark.usefixtures("reading", "no_thread_is_left")


def test_conformance(two, servers):
    check_source(
        lambda start: KafkaSource(
            [two], {"bootstrap_servers": servers, "max_poll_records": 17}, start or "earliest"
        ),
        200,
    )


def test_it_names_the_cluster(kafka, two, servers):
    with opened(two, servers) as source:
        assert source.cluster_id == kafka.cluster_id


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


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
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


def test_several_topics(kafka, servers, topic):
    names = [f"{topic}-b", f"{topic}-a"]
    for name in names:
        kafka.create_topic(name)
        produce(servers, name, VALUES[:3])
    with opened(names, servers) as source:
        assert source.topics == tuple(sorted(names))
        assert len(read_all(source)) == 6
        assert source.position() == Position({name: {0: 3} for name in names})


def test_a_position_of_a_partition_that_is_not_there_is_an_error(two, servers):
    message = r"\[2\]: the position names this partition, the broker does not have it"
    with pytest.raises(SourceError, match=message):
        KafkaSource([two], {"bootstrap_servers": servers}, at(two, 0, 0, 0))


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
