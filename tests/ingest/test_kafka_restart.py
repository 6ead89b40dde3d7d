"""A broker of its own: restarted while it is read, and compacting."""

import time

import pytest

from millstream.stack.kafka import EmbeddedKafka
from tests.ingest.broker import at, opened, produce, read_all

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_thread_is_left")]


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


def test_a_restart_in_the_middle_of_a_read_loses_and_repeats_nothing(tmp_path, topic):
    """The broker goes away and comes back on its own data while 4,000 records are read."""
    count = 2_000
    values = [b"%d" % n for n in range(count)]
    found = {0: [], 1: []}

    def poll(source, times=1):
        for _ in range(times):
            for batch in source.poll(0.2):
                found[batch.partition] += batch.offsets.tolist()
                assert batch.value(0) == b"%d" % batch.offsets[0]

    with EmbeddedKafka(tmp_path) as broker:
        servers = broker.bootstrap_servers
        broker.create_topic(topic, 2)
        for partition in range(2):
            produce(servers, topic, values, partition, batch_size=500, compression_type="lz4")
        with opened(topic, servers, max_poll_records=50, max_partition_fetch_bytes=2_000) as source:
            poll(source, 10)
            broker.stop()
            poll(source, 20)
            before = source.position()
            broker.start()
            assert before != at(topic, count, count)
            deadline = time.monotonic() + 60
            while source.position() != at(topic, count, count):
                poll(source)
                assert time.monotonic() < deadline
            assert source.take_gaps() == ()
    assert found == {0: list(range(count)), 1: list(range(count))}
