"""Runs at once, looks in between, and runs that are ended: what begins where."""

from itertools import islice

import pytest

from ingest import Position, SettingsError
from ingest.stream.chunks import BatchSettings
from tests.ingest.stream_samples import good, records, taken

RECORDS = records({("a", 0): 90, ("a", 1): 40, ("b", 0): 61})
SHUFFLED = {"shuffle": 32, "seed": 3}


def test_what_was_ended_before_it_was_all_given_begins_again():
    stream = taken(RECORDS, **SHUFFLED)
    whole = taken(RECORDS, **SHUFFLED).take(1000)
    rows = stream.rows()
    first = list(islice(rows, 20))
    stream.stream.close()
    first += list(rows)
    assert 20 <= len(first) < len(whole)
    assert first == whole[: len(first)]
    state = stream.stream.state()
    assert taken(RECORDS, start=state, **SHUFFLED).take(1000) == whole[len(first) :]
    assert stream.take(1000) == whole


def test_a_look_while_another_run_goes_on_changes_nothing():
    stream = taken(RECORDS, **SHUFFLED)
    rows = stream.rows()
    first = list(islice(rows, 30))
    assert stream.take(5) == first[:5]
    first += list(rows)
    assert sorted(first) == good(RECORDS)
    assert stream.take(1000) != first
    assert stream.stream.state().epoch == 1


def test_two_runs_of_an_epoch_are_one_epoch():
    stream = taken(RECORDS, **SHUFFLED)
    one, other = stream.rows(), stream.rows()
    pairs = list(zip(one, other, strict=True))
    assert all(first == second for first, second in pairs)
    third = stream.take(1000)
    assert stream.stream.state().epoch == 1
    assert sorted(third) == good(RECORDS)


def test_a_run_whose_reading_has_ended_still_has_a_state():
    stream = taken(RECORDS, **SHUFFLED)
    whole = taken(RECORDS, **SHUFFLED).take(1000)
    run = stream.stream.start_run()
    assert sum(len(rows) for rows in run.rows() if rows is not None) == len(whole)
    for _ in range(3):
        stream.take(1)
    stream.given = (run.number, 150)
    rest = taken(RECORDS, start=stream.stream.state(), **SHUFFLED).take(1000)
    assert rest == whole[150:]


def test_a_range_of_bad_records_only_is_passed():
    found = {("a", 0): [(offset, b"not json") for offset in range(20)]}
    stream = taken(found, end=None, idle_s=0.2)
    assert stream.take(10) == []
    found["a", 0] += records({("a", 0): 30})["a", 0][20:]
    assert stream.take(1000) == good(found)
    assert stream.stream.counts.records == 10


def test_runs_from_before_a_restore_count_no_more():
    stream = taken(RECORDS, **SHUFFLED)
    rows = stream.rows()
    list(islice(rows, 20))
    state = stream.stream.state()
    list(islice(rows, 40))
    stream.stream.restore(state)
    assert stream.stream.state() == state
    list(rows)
    assert stream.stream.state() == state
    rest = taken(RECORDS, start=state, **SHUFFLED).take(1000)
    assert stream.take(1000) == rest


def test_shares_of_a_range_that_ends_at_a_position():
    end = Position({"a": {0: 50, 1: 10}})
    whole = taken(RECORDS, end=end, **SHUFFLED).take(1000)
    parts = []
    for index in range(3):
        share = taken(RECORDS, end=end, share=(index, 3), **SHUFFLED)
        found = share.take(7)
        state = share.stream.state()
        rest = taken(RECORDS, start=state, end=end, share=(index, 3), **SHUFFLED)
        parts += found + rest.take(1000)
    assert sorted(parts) == sorted(whole)


def test_batches_are_whole_or_in_time_but_not_both():
    with pytest.raises(SettingsError, match="drop_remainder and linger_s"):
        BatchSettings(4, drop_remainder=True, linger_s=1.0)
