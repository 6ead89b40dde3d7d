"""What the broker has deleted is a gap that is told; what it never had is an error."""

import logging

import pytest
from kafka import TopicPartition

from ingest import Gap, SourceError
from tests.ingest.broker import VALUES, at, delete_before, opened, produce, read_all

pytestmark = pytest.mark.usefixtures("reading", "no_thread_is_left")


def test_deleted_records_are_a_gap(two, servers, caplog):
    delete_before(servers, two, 40, 1)
    with opened(two, servers, at(two, 10, 20)) as source, caplog.at_level(logging.WARNING):
        found = read_all(source)
        assert source.take_gaps() == (Gap(two, 1, 20, 40),)
        assert source.take_gaps() == ()
        assert source.beginning() == at(two, 0, 40)
    assert [o for p, o, _ in found if p == 0] == list(range(10, 100))
    assert [o for p, o, _ in found if p == 1] == list(range(40, 100))
    assert f"{two}[1]: offsets 20 to 39 were deleted" in caplog.text


def test_records_deleted_while_reading_are_a_gap(kafka, servers, topic):
    kafka.create_topic(topic)
    produce(servers, topic, VALUES, batch_size=100)
    options = {"max_partition_fetch_bytes": 1, "max_poll_records": 1}
    with opened(topic, servers, **options) as source:
        while not source.poll(1.0):
            pass
        delete_before(servers, topic, 90)
        found = read_all(source)
        (gap,) = source.take_gaps()
    assert gap.end == 90
    read = [0, *(offset for _, offset, _ in found)]
    assert read == [*range(gap.start), *range(90, 100)]


def test_a_partition_whose_records_are_all_deleted(two, servers):
    delete_before(servers, two, 100, 0)
    with opened(two, servers, at(two, 3, 100)) as source:
        assert read_all(source) == []
        assert source.take_gaps() == (Gap(two, 0, 3, 100),)


def test_earliest_is_what_there_is_and_no_gap(two, servers):
    delete_before(servers, two, 40, 1)
    with opened(two, servers) as source:
        assert source.position() == at(two, 0, 40)
        assert len(read_all(source)) == 160
        assert source.take_gaps() == ()


def test_a_position_past_the_end_is_an_error(two, servers):
    with (
        opened(two, servers, at(two, 0, 101)) as source,
        pytest.raises(SourceError, match=r"\[1\]: the position 101 lies past the end"),
    ):
        read_all(source, at(two, 100, 101 + 1))


def test_a_position_that_is_there_after_all_is_read_again(two, servers):
    """The broker may refuse an offset once that a moment later it has, as on a new leader."""
    delete_before(servers, two, 40, 1)
    with opened(two, servers, at(two, 20, 60)) as source:
        source._step_over({TopicPartition(two, 0): 20, TopicPartition(two, 1): 60})
        assert source.position() == at(two, 20, 60)
        assert source.take_gaps() == ()
        assert len(read_all(source)) == 80 + 40


def test_a_position_at_the_end_is_not_past_it(two, servers):
    with opened(two, servers, at(two, 100, 100)) as source:
        source._step_over({TopicPartition(two, 1): 100})
        assert source.position() == at(two, 100, 100)
