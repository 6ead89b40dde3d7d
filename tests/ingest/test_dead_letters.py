"""Bad records among good ones through a real broker."""

import threading

import pytest

from ingest import (
    DeadLetterError,
    JsonDecoder,
    KafkaDeadLetters,
    KafkaSource,
    Position,
    RecordBatch,
    SampleSettings,
    SourceError,
    WindowBuilder,
    read_window,
)
from ingest.formats.decoder import BadRecord
from millstream.stack.kafka import EmbeddedKafka
from tests.ingest.broker import opened, produce
from tests.ingest.samples import SCHEMA, encoded
from tests.ingest.test_json_decoder import BAD, GOOD

TRUTH = [(name, value, kind) for name, (value, kind) in BAD.items()]


@pytest.fixture
def servers(kafka):
    return kafka.bootstrap_servers


@pytest.fixture
def letters(servers):
    made = KafkaDeadLetters({"bootstrap_servers": servers, "max_poll_records": 10})
    yield made
    made.close()


def raw_records(servers, topic):
    """All records of a topic with their headers."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(
        bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False
    )
    try:
        parts = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        found = []
        while any(consumer.position(tp) < ends[tp] for tp in parts):
            for records in consumer.poll(500).values():
                found += records
        return found
    finally:
        consumer.close()


def headers(record):
    return {name.removeprefix("millstream."): value.decode() for name, value in record.headers}


def test_every_bad_record_is_a_dead_letter_and_every_good_one_is_counted(
    kafka, servers, topic, letters
):
    """44 kinds of bad record, each three times, mixed among good ones over two partitions."""
    kafka.create_topic(topic, 2)
    mixed = {0: [], 1: []}
    truth = {}
    number = 0
    for turn in range(3):
        for place, (name, value, kind) in enumerate(TRUTH):
            partition = (turn + place) % 2
            mixed[partition] += [encoded(number + n) for n in range(place % 4)]
            truth[partition, len(mixed[partition])] = (name, value, kind)
            mixed[partition].append(value)
            number += 7
        mixed[turn % 2] += list(GOOD.values())
    for partition, values in mixed.items():
        produce(servers, topic, values, partition, key=lambda n: f"key{n}".encode())
    total = sum(map(len, mixed.values()))

    settings = SampleSettings(seed=1, window=10_000, holdout=0.2, holdout_rows=5_000)
    decoder = JsonDecoder(SCHEMA, max_record_bytes=2_500)
    with opened(topic, servers, max_poll_records=37) as source:
        builder = WindowBuilder(SCHEMA, (topic,), decoder, letters, settings, source.position())
        window = read_window(source, builder, source.end())
        letters.flush()

    assert len(TRUTH) >= 16
    assert window.counts.seen == total
    assert window.counts.bad == len(truth) == 3 * len(TRUTH)
    assert sum(window.counts.kinds.values()) == len(truth)
    good = {
        (int(p), int(o))
        for rows in (window.train, window.validation, window.test)
        for p, o in zip(rows.partition, rows.offset, strict=True)
    }
    everything = {(p, o) for p, values in mixed.items() for o in range(len(values))}
    assert good == everything - truth.keys()

    delivered = {}
    for record in raw_records(servers, f"{topic}.dead-letters"):
        told = headers(record)
        place = (int(told["partition"]), int(told["offset"]))
        assert place not in delivered
        delivered[place] = record
    assert delivered.keys() == truth.keys()
    for place, record in delivered.items():
        _, value, kind = truth[place]
        told = headers(record)
        assert record.value == value
        assert record.key == f"key{place[1]}".encode()
        assert told["kind"] == kind
        assert told["topic"] == topic
        assert told["timestamp"] == str(1_000 + place[1])
        assert told["reason"]
        assert told.keys() == {"reason", "kind", "topic", "partition", "offset", "timestamp"}


def send(letters, topic, keys, values):
    batch = RecordBatch.of(topic, 4, range(10, 10 + len(values)), values, keys=keys)
    letters.send(batch, [BadRecord(n, f"réason {n}", "not_json") for n in range(len(values))])
    letters.flush()


def test_nulls_arrive(servers, topic, letters):
    send(letters, topic, [None, None, b"k", b""], [None, b"", None, None])
    found = {headers(r)["offset"]: r for r in raw_records(servers, f"{topic}.dead-letters")}
    assert {o: (r.key, r.value, headers(r).get("null")) for o, r in found.items()} == {
        "10": (None, b"", "true"),
        "11": (None, b"", None),
        "12": (b"k", None, None),
        "13": (b"", None, None),
    }
    assert headers(found["12"])["reason"] == "réason 2"


def test_what_is_too_long_is_cut_and_says_so(servers, topic, letters):
    key, value = b"k" * 200_000, bytes(range(256)) * 8_000
    send(letters, topic, [key, b"k", None], [value, value[:890_000], value[:900_001]])
    found = {headers(r)["offset"]: r for r in raw_records(servers, f"{topic}.dead-letters")}
    assert found["10"].key == key[:100_000]
    assert found["10"].value == value[:800_000]
    assert headers(found["10"])["key_length"] == "200000"
    assert headers(found["10"])["value_length"] == str(len(value))
    assert found["11"].value == value[:890_000]
    assert "value_length" not in headers(found["11"])
    assert found["12"].value == value[:900_000]


def test_any_name_of_topic(servers, topic):
    letters = KafkaDeadLetters({"bootstrap_servers": servers}, f"all-{topic}")
    try:
        send(letters, topic, [None], [b"x"])
    finally:
        letters.close()
        letters.close()
    assert [r.value for r in raw_records(servers, f"all-{topic}")] == [b"x"]


def test_a_letter_that_is_refused_is_an_error(kafka, servers, topic, letters):
    kafka.create_topic(f"{topic}.dead-letters", max_message_bytes=1_000)
    batch = RecordBatch.of(topic, 0, [0, 1], [b"x" * 5_000, b"y"])
    letters.send(batch, [BadRecord(0, "why", "not_json"), BadRecord(1, "why", "not_json")])
    for _ in range(2):
        with pytest.raises(
            DeadLetterError, match=r"[12] of 2 dead letters were not delivered: .*Size"
        ):
            letters.flush()


def test_an_unreachable_broker_is_one_clear_line():
    before = threading.active_count()
    options = {"bootstrap_servers": "127.0.0.1:1", "bootstrap_timeout_ms": 500}
    with pytest.raises(SourceError, match=r"no answer from the broker at 127\.0\.0\.1:1"):
        KafkaDeadLetters(options)
    assert threading.active_count() <= before


@pytest.mark.slow
def test_a_topic_that_nobody_creates_and_a_broker_that_is_gone(tmp_path, topic):
    batch = RecordBatch.of(topic, 0, range(30), [b"x"] * 30)
    bad = [BadRecord(n, "why", "not_json") for n in range(30)]
    overrides = {"auto.create.topics.enable": "false"}
    with EmbeddedKafka(tmp_path, overrides=overrides) as broker:
        options = {
            "bootstrap_servers": broker.bootstrap_servers,
            "max_block_ms": 1_000,
            "request_timeout_ms": 3_000,
            "delivery_timeout_ms": 12_000,
        }
        letters = KafkaDeadLetters(options, answer_s=1.0)
        try:
            missing = rf"topic {topic}\.dead-letters .* does not have it .* create it, allow auto"
            with pytest.raises(DeadLetterError, match=missing):
                letters.send(batch, bad)
            broker.create_topic(f"{topic}.dead-letters")
            letters.send(batch, bad[:1])
            letters.flush()
            broker.stop()
            letters.send(batch, bad)
            with pytest.raises(DeadLetterError, match=r"30 of 30 .*: no answer within 1 s"):
                letters.flush()
            assert not any(future.is_done for future in letters._waiting), "each waited anew"
        finally:
            letters.close()
        letters.close()
        assert all(future.is_done for future in letters._waiting)


def test_sources_and_letters_take_one_set_of_options(kafka, servers, topic):
    kafka.create_topic(topic)
    options = {"bootstrap_servers": servers, "max_poll_records": 5, "compression_type": "gzip"}
    source, letters = KafkaSource([topic], options), KafkaDeadLetters(options)
    try:
        assert [place[0] for place in source.position().items()] == [topic]
        assert letters.position(source.position()) == Position()
    finally:
        source.close()
        letters.close()
