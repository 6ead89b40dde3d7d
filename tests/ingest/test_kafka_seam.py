"""The seam into kafka-python: that it is where it should be, and what happens when it is not."""

import gc
import logging
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
from kafka import KafkaConsumer
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.net.transport import KafkaTCPTransport
from kafka.record import MemoryRecords

from ingest.kafka import seam
from ingest.kafka.per_record import PerRecordReader
from ingest.kafka.seam import Handed, WireRecords, misfit
from ingest.wire.fetch import Fetch
from tests.ingest.broker import VALUES, at, opened, produce, producer, read_all
from tests.ingest.wire_batches import TP, batch, kafka_python, legacy, records

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


@pytest.fixture
def consumer(servers):
    made = KafkaConsumer(bootstrap_servers=servers)
    yield made
    made.close()


def test_the_seam_fits(consumer):
    """If this fails, kafka-python has moved a part; `misfit` names it."""
    assert misfit(consumer) is None


def test_a_seam_that_has_moved_is_named(consumer, monkeypatch):
    assert misfit(object()) == (
        "KafkaConsumer has no _fetcher that looks PartitionRecords up on its class"
    )
    with monkeypatch.context() as patch:
        patch.setattr(Fetcher.PartitionRecords, "_unpack_records", lambda self, records: ())
        assert "PartitionRecords._unpack_records takes ['self', 'records'], not" in misfit(consumer)
    with monkeypatch.context() as patch:
        patch.delattr(KafkaTCPTransport, "_sock_recv")
        assert misfit(consumer) == "KafkaTCPTransport._sock_recv takes None, not ['self']"
    with monkeypatch.context() as patch:
        patch.delattr(Fetcher, "PartitionRecords")
        assert "Fetcher.PartitionRecords._unpack_records takes None" in misfit(consumer)
    with monkeypatch.context() as patch:
        patch.setattr(seam, "STATE", {*seam.STATE, "lag"})
        assert misfit(consumer) == "PartitionRecords has no lag"
    with monkeypatch.context() as patch:
        patch.setattr(seam, "KafkaProtocol", object)
        assert misfit(consumer) == "object has no _rbuffer, _receiving"


def test_without_the_seam_it_says_so_once_and_reads_the_same(two, servers, monkeypatch, caplog):
    with opened(two, servers) as source:
        expected = sorted(read_all(source))
    monkeypatch.setattr(seam, "misfit", lambda consumer: "it has moved")
    with caplog.at_level(logging.WARNING, "millstream.ingest"), opened(two, servers) as source:
        assert sorted(read_all(source)) == expected
    told = [line.message for line in caplog.records if "record by record" in line.message]
    assert len(told) == 1
    assert told[0].endswith("is not the one that columns were made for: it has moved")


def test_columns_may_be_switched_off(two, servers, caplog):
    from ingest import KafkaSource

    source = KafkaSource([two], {"bootstrap_servers": servers}, columnar=False)
    assert len(read_all(source)) == 200
    source.close()
    assert "record by record" not in caplog.text


def test_what_is_handed_out_keeps_kafka_pythons_books():
    """Position, leader epoch, counts and the draining of a fetch, as without the seam."""
    buffer = batch(10, records(20), "lz4") + batch(33, records(3))
    drained = []
    part = WireRecords(12, TP, MemoryRecords(buffer), on_drain=drained.append)
    assert part
    (handed,) = part.take(5)
    assert isinstance(handed, Handed)
    assert not part
    assert drained == [part]
    plain = Fetcher.PartitionRecords(12, TP, MemoryRecords(buffer))
    assert len(plain.take()) == 21
    for name in ("next_fetch_offset", "leader_epoch", "fetch_offset", "topic_partition"):
        assert getattr(part, name) == getattr(plain, name), name
    assert (part.records_read, part.bytes_read) == (23, len(buffer))


def test_a_fetch_with_nothing_in_it_is_drained():
    part = WireRecords(5, TP, MemoryRecords(b""))
    assert part.take() == []
    assert not part
    assert part.next_fetch_offset == 5


@pytest.mark.parametrize("magic", [0, 1])
def test_older_formats_are_read_by_kafka_python(magic):
    buffer = legacy(40, [b"a", b"b"], magic) + batch(42, records(2))
    part = WireRecords(41, TP, MemoryRecords(buffer))
    found = part.take()
    assert [(r.offset, r.value) for r in found] == [
        (r[0], r[3]) for r in kafka_python(buffer, 41)[0]
    ]
    assert [r.offset for r in found] == [41, 42, 43]
    assert part.next_fetch_offset == 44
    assert not part


@pytest.mark.parametrize(("magic", "times"), [(0, [-1, -1]), (1, [1000, 1001])])
def test_messages_without_a_time_have_the_time_of_none(magic, times):
    found = WireRecords(0, TP, MemoryRecords(legacy(0, [b"a", b"b"], magic))).take()
    read = PerRecordReader(TP.topic, TP.partition, found, headers=True).read(2)
    assert read.timestamps.tolist() == times
    assert [read.value(0), read.value(1)] == [b"a", b"b"]


def test_whatever_fails_in_an_older_format_is_damage():
    """Codecs have errors of their own, and damaged headers lead to many more."""
    whole, random = legacy(0, [b"abc"] * 5, codec=1), np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(whole)
        broken[random.integers(16, len(whole))] ^= 1 << random.integers(8)
        part = WireRecords(0, TP, MemoryRecords(bytes(broken)), check_crcs=False)
        with suppress(CorruptRecordError):
            part.take()
        assert not part


def test_damage_in_an_older_format_ends_the_fetch():
    """kafka-python itself would search these records for more for ever."""
    broken = bytearray(legacy(0, [b"abc"]))
    broken[-1] ^= 1
    part = WireRecords(0, TP, MemoryRecords(bytes(broken)))
    with pytest.raises(Exception, match="failed crc check"):
        part.take()
    assert not part


def test_responses_are_received_in_large_parts(two, servers):
    with opened(two, servers) as source:
        read_all(source)
        connections = source._consumer._client._manager._conns.values()
        assert any("_sock_recv" in vars(c.transport) for c in connections if c.connected)
        assert any("_process_response" in vars(c.parser) for c in connections if c.connected)


def test_large_values_come_through(kafka, servers, topic):
    """Responses of many megabytes, in parts of all sizes."""
    kafka.create_topic(topic, max_message_bytes=9_000_000)
    random = np.random.default_rng(0)
    sizes = [1, 5_000_000, 0, 70_000, 8_000_000, 4_096, 1_048_576]
    values = [random.bytes(size) for size in sizes]
    produce(servers, topic, values, max_request_size=9_000_000)
    for options in ({}, {"max_partition_fetch_bytes": 1}, {"receive_buffer_bytes": 4_096}):
        with opened(topic, servers, **options) as source:
            assert [value for _, _, value in read_all(source)] == values


def test_headers_are_given_when_they_are_asked_for(kafka, servers, topic):
    from ingest import KafkaSource

    kafka.create_topic(topic)
    headers = [[], [("a", b"1"), ("a", b""), ("ü", b"\x00\xff")]]
    with producer(servers) as made:
        for pairs in headers:
            made.send(topic, b"v", partition=0, headers=pairs)
    for columnar in (True, False):
        source = KafkaSource(
            [topic], {"bootstrap_servers": servers}, headers=True, columnar=columnar
        )
        found = []
        while source.position() != at(topic, 2):
            found += [b.headers(i) for b in source.poll(1.0) for i in range(len(b))]
        source.close()
        assert found == headers


def test_the_next_fetch_is_asked_for_before_this_one_is_decoded(kafka, servers, topic):
    kafka.create_topic(topic)
    produce(servers, topic, VALUES * 20, batch_size=1_000)
    with opened(topic, servers, max_partition_fetch_bytes=2_000, max_poll_records=50) as source:
        while not source.poll(1.0):
            pass
        fetcher = source._consumer._fetcher
        assert fetcher.in_flight_fetches() or fetcher._completed_fetches


def test_a_response_is_freed_without_the_search_for_cycles(kafka, servers, topic):
    """Where few objects are made Python hardly ever searches, and a response has megabytes."""
    kafka.create_topic(topic)
    produce(servers, topic, VALUES)
    gc.collect()
    gc.disable()
    try:
        with opened(topic, servers) as source:
            assert len(read_all(source)) == len(VALUES)
            assert not [item for item in gc.get_objects() if isinstance(item, Fetch)]
            left = [item for item in gc.get_objects() if type(item) is partial]
            assert not [item for item in left if item.func is seam._read]
    finally:
        gc.enable()
