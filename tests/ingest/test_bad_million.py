"""Bad records of all kinds in a row: no crash, exact counts, one exact letter each, bounded memory.

`make test-bad-million` runs it with a million of them; the suite with some thousands.
"""

import os
import time
from collections import Counter

import psutil
import pytest

from ingest import (
    Intake,
    JsonDecoder,
    KafkaDeadLetters,
    KafkaSource,
    Position,
    SampleSettings,
    WindowBuilder,
)
from ingest.kafka.batch_producer import BatchProducer
from ingest.kafka.letters_topic import read_letters
from ingest.kafka.record_bytes import varint
from tests.ingest.samples import SCHEMA, encoded
from tests.ingest.test_json_decoder import BAD

BAD_RECORDS = int(os.environ.get("MILLSTREAM_BAD_RECORDS", "22000"))
PARTITIONS = 4
GOOD = encoded(5)
CYCLE = [*BAD.values(), (GOOD, None)]  # one of about forty is good
GROWTH = 400 << 20


def record(partition, offset):
    """Value and kind of the record at a place; None is the kind of a good one."""
    return CYCLE[(offset * PARTITIONS + partition) % len(CYCLE)]


def per_partition():
    return -(-BAD_RECORDS * len(CYCLE) // len(BAD) // PARTITIONS)


def arrived(sent):
    """Whether a batch was delivered, waiting for it."""
    return sent.wait(time.monotonic() + 60) and sent.failures() == []


def produce_all(options, topic):
    producer = BatchProducer({**options, "compression_type": "lz4"}, {})
    shown = {
        value: varint(-1) + (varint(-1) if value is None else varint(len(value)) + value) + b"\0"
        for value, _ in CYCLE
    }
    sent = []
    assert producer.partitions(topic) == PARTITIONS
    for low in range(0, per_partition(), 500):
        offsets = range(low, min(low + 500, per_partition()))
        for partition in range(PARTITIONS):
            values = [shown[record(partition, offset)[0]] for offset in offsets]
            sent.append(producer.send(topic, partition, values))
        while len(sent) > 100:
            assert arrived(sent.pop(0))
    assert all(map(arrived, sent))
    producer.close()


class Clock:
    """Prints what took how long."""

    def __init__(self):
        self.at = time.perf_counter()

    def tell(self, what, count):
        now = time.perf_counter()
        print(f"{what}: {count:,} in {now - self.at:.1f} s, {count / (now - self.at):,.0f}/s")
        self.at = now


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_bad_records_of_all_kinds_in_a_row(kafka, topic):
    options = {"bootstrap_servers": kafka.bootstrap_servers}
    kafka.create_topic(topic, PARTITIONS)
    kafka.create_topic(f"{topic}.dead-letters", PARTITIONS)
    total, clock = per_partition() * PARTITIONS, Clock()
    produce_all(options, topic)
    clock.tell("produced", total)

    memory = psutil.Process().memory_info
    before, most = memory().rss, 0
    source = KafkaSource([topic], options)
    letters = KafkaDeadLetters(options, writer="test", since=Position())
    builder = WindowBuilder(
        SCHEMA,
        (topic,),
        JsonDecoder(SCHEMA, max_record_bytes=2_500),
        letters,
        SampleSettings(seed=1, window=1_000, holdout_rows=200),
        source.position(),
    )
    intake = Intake(source, builder, max_bad_ratio=1.0)
    intake.start()
    try:
        while intake.totals().records < total:
            intake.check()
            most = max(most, memory().rss)
            time.sleep(0.05)
        window = intake.cut()
        clock.tell("decoded, and their letters delivered", total)
    finally:
        intake.close()
        source.close()
        letters.close()
    print(f"memory grew by {(most - before) >> 20} MB")

    places = [(p, o) for p in range(PARTITIONS) for o in range(per_partition())]
    kinds = Counter(record(*place)[1] for place in places)
    good = kinds.pop(None)
    assert dict(window.counts.kinds) == dict(kinds)
    assert (window.counts.seen, window.counts.bad) == (total, sum(kinds.values()))
    assert window.counts.train + window.counts.validation + window.counts.test == good
    assert intake.totals().kinds == kinds
    assert most - before < GROWTH

    found = set()
    for letter in read_letters(options, [f"{topic}.dead-letters"]):
        place = (letter.partition, letter.offset)
        assert place not in found
        found.add(place)
        value, kind = record(*place)
        assert (letter.value, letter.kind, letter.cut) == (value, kind, ())
        assert letter.reason
    clock.tell("letters read back", len(found))
    assert found == {place for place in places if record(*place)[1] is not None}
