"""What ends a source, and what it refuses: errors for people that name the place."""

import time

import pytest

from ingest import CorruptBatchError, KafkaSource, PositionError, SourceError
from ingest.kafka import seam
from ingest.wire.layout import HEADER_BYTES, LENGTH_AT, LENGTH_END
from millstream.stack.kafka import EmbeddedKafka
from tests.ingest.broker import VALUES, admin, at, opened, produce, read_all
from tests.ingest.test_kafka_damage import log_file

SOON = {"reconnect_backoff_ms": 50, "reconnect_backoff_max_ms": 500}
pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def damage_second_batch(path):
    """Flip a bit in each of the first bytes that were compressed."""
    data = bytearray(path.read_bytes())
    start = LENGTH_END + int.from_bytes(data[LENGTH_AT:LENGTH_END], "big")
    for place in range(8):
        data[start + HEADER_BYTES + place] ^= 1
    with path.open("r+b") as file:
        file.write(data)


def poll_for_long(source):
    """Poll, and be given nothing."""
    for _ in range(100):
        assert source.poll(0.5) == []


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_what_a_codec_fails_with_is_damage_that_names_its_place(
    kafka, servers, topic, codec, monkeypatch
):
    kafka.create_topic(topic)
    for _ in range(2):
        produce(servers, topic, VALUES, compression_type=codec, linger_ms=300)
    damage_second_batch(log_file(kafka, topic))
    for moved in (True, False):
        if moved:
            monkeypatch.setattr(seam, "misfit", lambda consumer: "the test says so")
        else:
            monkeypatch.undo()
        with opened(topic, servers, check_crcs=False) as source:
            assert len(read_all(source, at(topic, 100))) == 100
            for _ in range(2):
                with pytest.raises(CorruptBatchError, match=rf"{topic}\[0\]@100: "):
                    read_all(source)
            assert source.position() == at(topic, 100)


@pytest.mark.usefixtures("reading")
def test_a_position_of_others_is_refused_as_a_whole(two, servers):
    with opened(two, servers, at(two, 3, 4)) as source:
        for wrong in (at(two, 1, 1, 1), at("another", 0)):
            with pytest.raises(PositionError, match=r"\[[02]\]: expected a partition that is read"):
                source.seek(wrong)
        assert source.position() == at(two, 3, 4)


def test_a_share_starts_at_a_position_of_all(two, servers):
    settings = {"bootstrap_servers": servers}
    source = KafkaSource([two], settings, at(two, 7, 8), takes=lambda partition: partition == 1)
    try:
        assert source.position().to_json() == {two: {"1": 8}}
    finally:
        source.close()


def test_a_share_of_nothing_reads_a_partition_that_is_added(two, servers):
    settings = {"bootstrap_servers": servers, "metadata_max_age_ms": 200}
    source = KafkaSource([two], settings, takes=lambda partition: partition == 2)
    try:
        assert source.poll(0.1) == []
        with admin(servers) as client:
            client.create_partitions({two: 3})
        produce(servers, two, VALUES[:5], 2)
        deadline = time.monotonic() + 30
        while not (found := source.poll(0.2)):
            assert time.monotonic() < deadline
        assert found[0].partition == 2
    finally:
        source.close()


@pytest.mark.parametrize("wrong", [0, -1, "many", None])
def test_a_poll_of_no_records_is_refused(two, servers, wrong):
    message = r"kafka.options.max_poll_records: expected a whole number from 1 on, got"
    with pytest.raises(SourceError, match=message), opened(two, servers, max_poll_records=wrong):
        pass


@pytest.mark.usefixtures("reading")
def test_reading_on_after_the_end_is_an_error_and_no_wait(two, servers):
    with opened(two, servers, max_poll_records=10) as source:
        while not source.poll(1.0):
            pass
        source.close()
        with pytest.raises(SourceError, match="closed"):
            source.poll(1.0)


@pytest.mark.slow
def test_a_log_that_was_cut_back_ends_the_source(tmp_path, topic):
    """As when a leader is chosen that lacks records: a reader must not skip what replaces them."""
    with EmbeddedKafka(tmp_path) as broker:
        servers = broker.bootstrap_servers
        broker.create_topic(topic)
        produce(servers, topic, VALUES[:50])
        kept = log_file(broker, topic).stat().st_size
        produce(servers, topic, VALUES[50:])
        with opened(topic, servers, metadata_max_age_ms=500, **SOON) as source:
            assert len(read_all(source)) == 100
            broker.stop()
            with log_file(broker, topic).open("r+b") as file:
                file.truncate(kept)
            broker.start()
            produce(servers, topic, VALUES)
            message = rf"{topic}\[0\] from offset 50 on: the broker has lost records"
            for _ in range(2):
                with pytest.raises(SourceError, match=message):
                    poll_for_long(source)
