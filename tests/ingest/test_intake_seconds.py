"""What the time of an intake goes into: the broker, nothing to do, decoding, a full window."""

from __future__ import annotations

import time

from ingest import Intake, KafkaSource, SourceError
from ingest.intake_facts import Unpacks
from millstream.local import ensure_topics
from tests.ingest.broker import produce
from tests.ingest.samples import MemorySource
from tests.ingest.test_intake import builder, records, until

WAIT_S = 0.05


class SlowSource(MemorySource):
    """Takes its time for each poll."""

    def poll(self, timeout_s):
        time.sleep(WAIT_S)
        return super().poll(timeout_s)


def test_each_wait_is_counted_where_it_belongs():
    source = SlowSource(records(100), most=50)
    intake = Intake(source, builder(), max_records=150)
    intake.start()
    try:
        until(lambda: intake.seconds().full > 0.0)  # 150 are read, the broker has told of 200
        full = intake.seconds()
        assert full.broker >= WAIT_S  # the second poll was for records that were known
        assert full.decode > 0.0
        assert full.idle == 0.0
        intake.cut()
        until(lambda: intake.totals().records == 200 and intake.seconds().idle >= 2 * WAIT_S)
        spent = intake.seconds().minus(full)
        assert spent.idle >= 2 * WAIT_S  # all is read
        assert intake.end() is not None
        assert intake.position().records_to(intake.end()) == 0
    finally:
        intake.close()


class SilentSource(SlowSource):
    """Gives records, and does not say where they end: as a broker that throttles a client."""

    def end(self):
        time.sleep(WAIT_S)
        raise SourceError("no answer from the broker")


def test_who_waits_for_a_silent_broker_is_not_idle():
    intake = Intake(SilentSource(records(100), most=50), builder())
    intake.start()
    try:
        until(lambda: intake.totals().records == 200 and intake.seconds().broker >= 6 * WAIT_S)
        assert intake.lag() is None  # which is not 0
        assert intake.seconds().idle == 0.0
    finally:
        intake.close()


def test_kafka_tells_how_long_it_unpacked(kafka, topic):
    ensure_topics({"bootstrap_servers": kafka.bootstrap_servers}, [topic], partitions=1)
    produce(kafka.bootstrap_servers, topic, [b"x" * 100] * 500)
    source = KafkaSource([topic], {"bootstrap_servers": kafka.bootstrap_servers})
    try:
        assert isinstance(source, Unpacks)
        assert source.unpacking_s == 0.0
        found = 0
        while found < 500:
            found += sum(len(batch) for batch in source.poll(1.0))
        assert source.unpacking_s > 0.0
    finally:
        source.close()
