"""Every record of every kind of topic, held against a plain KafkaConsumer's reading.

Codec, transactions, compaction, time of the producer or of the broker, and partitions that are
added while the topic is read: each topic has a partition for each codec, and gets one more.
"""

import itertools
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka import KafkaConsumer, TopicPartition

from ingest import KafkaSource
from millstream.stack.kafka import EmbeddedKafka
from tests.ingest.broker import DEADLINE_S, admin, producer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_thread_is_left")]

CODECS = (None, "gzip", "snappy", "lz4", "zstd")
LEVELS = ("read_committed", "read_uncommitted")
WRITERS = ("plain", "committed", "aborted")
TIMES = ("CreateTime", "LogAppendTime")
ROUNDS, PER_ROUND = 4, 12
FILLER = b"filler"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A broker that compacts at once."""
    overrides = {"log.cleaner.backoff.ms": 100, "log.cleaner.min.cleanable.ratio": 0.01}
    with EmbeddedKafka(tmp_path_factory.mktemp("matrix"), overrides=overrides) as made:
        yield made


@pytest.fixture(scope="module")
def counts():
    """Records that were compared, by what they are of; printed at the end."""
    found = Counter()
    yield found
    print(f"\nmatrix: {len(found)} cells, {sum(found.values())} records compared")
    for cell, count in sorted(found.items()):
        print(f"  {cell}: {count}")


def write(servers, topic, writer, added):
    """Rounds of records with few keys, in a partition for each codec; some rounds are aborted."""
    with ThreadPoolExecutor(len(CODECS)) as pool:
        partitions = range(added, added + len(CODECS))
        list(pool.map(lambda number: write_partition(servers, topic, writer, number), partitions))


def write_partition(servers, topic, writer, partition):
    codec = CODECS[partition % len(CODECS)]
    options = {} if writer == "plain" else {"transactional_id": f"{topic}-{partition}"}
    with producer(servers, compression_type=codec, linger_ms=20, **options) as made:
        if options:
            made.init_transactions()
        for round_ in range(ROUNDS):
            if options:
                made.begin_transaction()
            for n in range(PER_ROUND):
                send(made, topic, partition, PER_ROUND * round_ + n)
            made.flush()
            if options:
                abort = writer == "aborted" and round_ % 2
                (made.abort_transaction if abort else made.commit_transaction)()


def send(made, topic, partition, number):
    """A record, of a shape that its number tells."""
    value = [b"", None, b"v%d" % number, b"w" * (7 * number)][number % 4]
    headers = [("n", b"%d" % number), ("ü", b"")][: number % 3]
    when = 1_600_000_000_000 + 11 * number
    key = b"key%d" % (number % 5)
    made.send(topic, value, key, headers, partition=partition, timestamp_ms=when)


def compact(servers, topic, partitions):
    """Fill segments, so that they are closed, and wait until records are gone from each."""
    with producer(servers) as made:
        for partition in range(partitions):
            for n in range(3):
                made.send(topic, bytes(500_000), FILLER + b"%d" % n, partition=partition)
    deadline = time.monotonic() + DEADLINE_S
    before = ROUNDS * PER_ROUND
    while True:
        left = Counter(
            row[0] for row in plain(servers, topic, LEVELS[1]) if len(row[4] or b"") < 500
        )
        if max(left.values()) < before:
            return
        assert time.monotonic() < deadline, f"never compacted: {left}"
        time.sleep(0.2)


def plain(servers, topic, level):
    """What kafka-python's own consumer gives."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers, isolation_level=level, auto_offset_reset="none"
    )
    numbers = consumer.partitions_for_topic(topic)
    partitions = [TopicPartition(topic, number) for number in numbers]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(partitions)
    rows, deadline = [], time.monotonic() + DEADLINE_S
    while any(consumer.position(tp) < ends[tp] for tp in partitions):
        assert time.monotonic() < deadline
        for tp, found in consumer.poll(100).items():
            rows += [
                (tp.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
                for r in found
            ]
    consumer.close()
    return sorted(rows, key=lambda row: row[:2])


def rest_of(source):
    """What the source gives up to the end as it is now, in its order."""
    rows, end, deadline = [], source.end(), time.monotonic() + DEADLINE_S
    while any((source.position().get(t, p) or 0) < offset for t, p, offset in end.items()):
        assert time.monotonic() < deadline
        rows += rows_of(source.poll(0.1))
    return rows


def rows_of(batches):
    """Records of batches in the form of `plain`."""
    return [
        (
            *(b.partition, int(b.offsets[i]), int(b.timestamps[i])),
            *(b.key(i), b.value(i), tuple(b.headers(i))),
        )
        for b in batches
        for i in range(len(b))
    ]


def opened(servers, topic, level):
    options = {"bootstrap_servers": servers, "isolation_level": level, "metadata_max_age_ms": 100}
    return KafkaSource([topic], options, headers=True)


def in_order(rows):
    """Rows by partition and offset; in each partition they must come so, and none twice."""
    for number in {row[0] for row in rows}:
        offsets = [row[1] for row in rows if row[0] == number]
        assert offsets == sorted(set(offsets))
    return sorted(rows, key=lambda row: row[:2])


def read_while_partitions_are_added(servers, topic, writer):
    source = opened(servers, topic, LEVELS[0])
    try:
        rows = rest_of(source)
        with admin(servers) as client:
            client.create_partitions({topic: 2 * len(CODECS)})
        write(servers, topic, writer, len(CODECS))
        deadline = time.monotonic() + DEADLINE_S
        while len(list(source.position().items())) < 2 * len(CODECS):
            assert time.monotonic() < deadline
            rows += rows_of(source.poll(0))
        assert source.take_gaps() == ()
        return rows + rest_of(source)
    finally:
        source.close()


def cells():
    """All of them; any two settings meet in those that are not only of `make test-long`."""
    kinds = itertools.product(range(3), (False, True), range(2))
    for writer, compacted, times in kinds:
        names = WRITERS[writer], "compacted" if compacted else "kept", TIMES[times]
        marks = pytest.mark.long if (writer + compacted + times) % 2 else ()
        yield pytest.param(names[0], compacted, names[2], id="-".join(names), marks=marks)


@pytest.mark.parametrize(("writer", "compacted", "times"), list(cells()))
def test_matrix(broker, counts, topic, writer, compacted, times):
    servers = broker.bootstrap_servers
    settings = {"message_timestamp_type": times, "segment_bytes": 1_048_576}
    if compacted:
        settings["cleanup_policy"] = "compact"
    broker.create_topic(topic, len(CODECS), **settings)
    write(servers, topic, writer, 0)
    live = in_order(read_while_partitions_are_added(servers, topic, writer))
    if compacted:
        compact(servers, topic, 2 * len(CODECS))
    else:
        assert live == plain(servers, topic, LEVELS[0])
    for level in LEVELS:
        expected = after = None
        while expected is None or expected != after:
            # The broker may compact once more in between.
            expected = plain(servers, topic, level)
            source = opened(servers, topic, level)
            rows = in_order(rest_of(source))
            source.close()
            after = plain(servers, topic, level)
        assert rows == expected
        if level == LEVELS[0]:
            assert {row for row in rows if not (row[3] or b"").startswith(FILLER)} <= set(live)
        for row in rows:
            kind = "compacted" if compacted else "kept"
            counts[f"{CODECS[row[0] % 5] or 'none'}, {writer}, {kind}, {times}, {level}"] += 1
