"""Transactions on a real broker."""

import time

import pytest

from ingest import Intake, JsonDecoder, SampleSettings, WindowBuilder, read_window
from tests.ingest.broker import VALUES, at, opened, produce, producer, read_all
from tests.ingest.samples import SCHEMA, ListDeadLetters, encoded
from tests.ingest.test_window import same

pytestmark = pytest.mark.usefixtures("reading", "no_thread_is_left")


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
