"""The public dataset over a real broker."""

import gc
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from kafka.admin import NewPartitions

import millstream
from ingest import Gap, JsonDecoder, KafkaDeadLetters, Position, SettingsError, SourceError
from millstream.stack.kafka import EmbeddedKafka
from tests.ingest.broker import admin, delete_before, opened, produce
from tests.ingest.stream_samples import (
    FIELDS,
    LENGTHS,
    SCHEMA,
    create,
    fill,
    good_numbers,
    numbers,
    value,
)


@pytest.fixture
def filled(kafka, topic):
    fill(kafka.bootstrap_servers, topic)
    return topic


@pytest.fixture
def dataset(kafka, filled):
    """Opens datasets over the topic."""

    def make(**options):
        plain = {"schema": FIELDS, "label": "odd", "end": "now", "batch_size": 16}
        plain |= {"bootstrap_servers": kafka.bootstrap_servers, "block_rows": 64}
        return millstream.dataset(filled, **{**plain, **options})

    return make


@pytest.mark.parametrize("way", [{}, {"shuffle": 100, "seed": 4}], ids=["in order", "shuffled"])
def test_saved_in_the_middle_of_an_epoch_and_restored_from_the_file(dataset, tmp_path, way):
    whole = numbers(dataset(**way))
    assert sorted(whole) == good_numbers()
    path = tmp_path / "state.json"
    found = []
    for count in (0, 3, 1, 7, 1000):
        stream = dataset(resume=path, **way)
        for batch in stream.take(count):
            found += numbers([batch])
        stream.save_state(path)
    assert found == whole
    assert stream.state().is_finished
    assert numbers(dataset(resume=path, **way)) == []


def test_the_range_is_what_it_was_when_the_dataset_was_made(kafka, dataset, filled):
    stream = dataset()
    produce(kafka.bootstrap_servers, filled, [value(2, LENGTHS[2])], 2)
    assert sorted(numbers(stream)) == good_numbers()
    end = stream.position()
    assert [offset for _, _, offset in end.items()] == [300, 120, 31]
    produce(kafka.bootstrap_servers, filled, [value(2, LENGTHS[2] + 1)], 2)
    assert numbers(dataset(start=end)) == [2_000_032]
    assert numbers(dataset(start=Position({filled: {0: 298}}), end=end)) != []


def test_without_end_it_gives_what_comes_also_in_new_partitions(kafka, dataset, filled):
    servers = kafka.bootstrap_servers
    stream = dataset(start="latest", end=None, batch_size=2, options={"metadata_max_age_ms": 300})
    batches = iter(stream)
    produce(servers, filled, [value(0, 300), value(0, 301)], 0)
    assert numbers([next(batches)]) == [300, 301]
    with admin(servers) as client:
        client.create_partitions({filled: NewPartitions(4)})
    produce(servers, filled, [value(3, 0), value(3, 1)], 3)
    assert numbers([next(batches)]) == [3_000_000, 3_000_001]
    assert stream.position().get(filled, 3) == 2
    restored = dataset(start=stream.state(), end=None, batch_size=2, idle_s=1.5)
    assert numbers(restored) == []


def test_bad_records_go_to_their_topic_once(kafka, dataset, filled, topic):
    servers = kafka.bootstrap_servers
    create(servers, f"{topic}.dead-letters", 1)
    stream = dataset(dead_letters="{topic}.dead-letters")
    assert numbers(stream) == numbers(stream)
    bad = sum(LENGTHS.values()) - len(good_numbers())
    assert stream.counts == {"not_json": bad}
    with opened(f"{topic}.dead-letters", servers) as source:
        assert source.end().get(f"{topic}.dead-letters", 0) == bad
    letters = KafkaDeadLetters({"bootstrap_servers": servers}, f"{topic}.dead-letters")
    with_own = dataset(dead_letters=letters, format=JsonDecoder)
    assert sorted(numbers(with_own)) == good_numbers()
    letters.flush()
    letters.close()
    with opened(f"{topic}.dead-letters", servers) as source:
        assert source.end().get(f"{topic}.dead-letters", 0) == 2 * bad


def test_workers_share_the_partitions(dataset):
    parts = [numbers(dataset(share=(index, 2), shuffle=64)) for index in (0, 1)]
    assert {n // 1_000_000 for n in parts[1]} == {1}
    assert sorted(parts[0] + parts[1]) == good_numbers()
    assert numbers(dataset(share=(4, 5))) == []
    assert numbers(dataset(share=(4, 5), end=None, idle_s=0.5)) == []


def test_records_that_the_broker_has_deleted_are_a_gap(kafka, dataset, filled):
    stream = dataset()
    start = stream.state()
    delete_before(kafka.bootstrap_servers, filled, 100)
    found = numbers(dataset(start=start))
    assert sorted(found) == [n for n in good_numbers() if n >= 100]
    again = dataset(start=start)
    list(again)
    assert again.gaps == (Gap(filled, 0, 0, 100),)


def test_offsets_are_columns(dataset, filled):
    for features, _ in dataset(with_offsets=True):
        assert set(features["kafka_topic"].numpy()) == {filled.encode()}
        numbered = (
            features["kafka_partition"].numpy() * 1_000_000 + features["kafka_offset"].numpy()
        )
        assert np.array_equal(numbered, features["n"])
        assert (
            features["kafka_timestamp"].numpy() == 1000 + features["kafka_offset"].numpy()
        ).all()


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"sed": 4}, SettingsError, "no such option: sed; did you mean seed"),
        ({"label": "od"}, Exception, 'label "od" is not among its fields; did you mean odd?'),
        ({"schema": SCHEMA}, Exception, "label and weight are part of a Schema"),
        ({"schema": {"n": "int46"}, "label": None}, Exception, "int46"),
        ({"schema": {"n": {"type": "int64", "mni": 1}}, "label": None}, Exception, "mean min?"),
        ({"format": 5}, SettingsError, "format: expected a decoder"),
        ({"batch_size": 0}, SettingsError, "batch_size"),
        ({"options": {"fetch_min_byte": 1}}, SourceError, "did you mean fetch_min_bytes"),
        ({"start": Position({"other": {0: 1}})}, SourceError, r"other\[0\]"),
    ],
)
def test_what_cannot_be_meant_is_refused(dataset, options, error, told):
    with pytest.raises(error, match=told):
        dataset(**options)


def test_a_topic_that_is_not_there_is_refused(kafka):
    with pytest.raises(SourceError, match="topic nowhere"):
        millstream.dataset(
            "nowhere", bootstrap_servers=kafka.bootstrap_servers, schema={"n": "int64"}
        )


def test_consumers_and_threads_end_with_the_iterator(dataset):
    before = set(threading.enumerate())
    stream = dataset(end=None).prefetch(2)
    for count, _ in enumerate(stream):
        if count == 2:
            break
    del stream
    gc.collect()
    deadline = time.monotonic() + 15
    while left := [t for t in set(threading.enumerate()) - before if t.is_alive()]:
        names = [t.name for t in left if "kafka" in t.name or "millstream" in t.name]
        if not names:
            break
        assert time.monotonic() < deadline, names
        time.sleep(0.05)


def test_a_process_ends_while_an_iterator_is_open(kafka, filled):
    """The clock runs from the last line on: a busy machine imports TensorFlow for minutes."""
    code = (
        "import faulthandler, millstream\n"
        f"stream = millstream.dataset({filled!r}, bootstrap_servers={kafka.bootstrap_servers!r},"
        " schema={'n': 'int64'}, batch_size=4)\n"
        "batches = iter(stream)\n"
        "print(next(batches)['n'].shape, stream.position())\n"
        "faulthandler.dump_traceback_later(60, exit=True)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-5000:]
    assert "(4,)" in done.stdout


@pytest.mark.slow
def test_a_broker_that_restarts_in_the_middle_of_a_read(tmp_path):
    count = 4000
    with EmbeddedKafka(tmp_path / "kafka") as broker:
        produce(broker.bootstrap_servers, "t", [value(0, offset) for offset in range(count)])
        stream = millstream.dataset(
            "t",
            bootstrap_servers=broker.bootstrap_servers,
            schema=FIELDS,
            end="now",
            batch_size=50,
            block_rows=100,
            options={"max_poll_records": 50, "fetch_max_bytes": 4000},
        )
        batches = iter(stream)
        found = [next(batches) for _ in range(5)]
        broker.stop()
        again = threading.Timer(2.0, broker.start)
        again.start()
        found += list(batches)
        again.join()
    assert [int(n) for batch in found for n in batch["n"]] == [
        offset for offset in range(count) if offset % 7 != 3
    ]
