"""What a stream promises, without TensorFlow and without a broker."""

import json
import logging
import threading

import pytest

from ingest import BadRatioExceeded, Gap, Position, SettingsError, SourceError
from ingest.stream.state import StreamState
from tests.ingest.samples import ListDeadLetters, MemorySource
from tests.ingest.stream_samples import PlainDecoder, good, memory, records, taken

RECORDS = records({("a", 0): 90, ("a", 1): 40, ("b", 0): 61}, hole=lambda offset: offset % 11 == 5)
WAYS = [{"block_rows": 32}, {"shuffle": 32, "seed": 3}, {"block_rows": 40, "block_bytes": 900}]
NAMES = ["in order", "shuffled", "cut by bytes"]


def threads():
    return [t for t in threading.enumerate() if t.name == "millstream-read-ahead" and t.is_alive()]


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_each_good_record_once_however_it_was_polled(way):
    found = taken(RECORDS, **way).take(1000)
    assert sorted(found) == good(RECORDS)
    assert found != sorted(found), "blocks mix partitions"
    for most in (1, 3, 1000):
        assert taken(RECORDS, most, **way).take(1000) == found


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_a_state_after_any_row_restores_exactly_the_rest(way):
    rows, states = taken(RECORDS, **way).all_with_states()
    kept = [StreamState.from_json(json.loads(json.dumps(one.to_json()))) for one in states]
    assert {tuple(one.to_json()) for one in kept} == {tuple(kept[0].to_json())}
    for count, state in enumerate(kept):
        restored = taken(RECORDS, 50, start=state, **way)
        assert restored.stream.state() == state
        assert restored.take(1000) == rows[count:]


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_the_position_names_what_was_given(way):
    rows, states = taken(RECORDS, **way).all_with_states()
    for count, state in enumerate(states):
        position, done, left = state.position, rows[:count], rows[count:]
        assert all(offset >= position.get(*part) for *part, offset in left)
        if "shuffle" not in way:
            assert all(offset < position.get(*part) for *part, offset in done)
    assert states[-1].position == states[-1].end == Position({"a": {0: 90, 1: 40}, "b": {0: 60}})


def test_breaks_at_any_rows_change_nothing_and_epochs_go_on():
    way = WAYS[1]
    whole = taken(RECORDS, **way)
    first, second, third = (whole.take(1000) for _ in range(3))
    assert sorted(first) == sorted(second) == sorted(third) == good(RECORDS)
    assert first != second != third != first
    broken = taken(RECORDS, **way)
    found = []
    for count in (1, 5, 30, 50, 1000):
        found += broken.take(count)
        broken = taken(RECORDS, start=broken.stream.state(), **way)
    assert found == first
    assert broken.take(1000) == []
    assert broken.stream.state().is_finished
    assert broken.take(1000) == second
    assert broken.stream.state().epoch == 1


def test_a_look_costs_nothing():
    stream = taken(RECORDS, **WAYS[1])
    look = stream.take(10)
    assert stream.take(1000)[:10] == look
    second = stream.take(20)
    assert stream.take(1000)[:20] == second
    assert stream.stream.state().epoch == 1


def test_a_stream_can_be_set_back():
    stream = taken(RECORDS, **WAYS[0])
    stream.take(30)
    state = stream.stream.state()
    rest = taken(RECORDS, start=state, **WAYS[0]).take(1000)
    stream.take(1000)
    stream.stream.restore(state)
    assert stream.stream.state() == state
    assert stream.take(1000) == rest
    with pytest.raises(SettingsError, match="shuffle"):
        taken(RECORDS, **WAYS[1]).stream.restore(state)


def test_rows_that_were_lost_in_the_meantime_are_a_gap_and_no_other_is_lost_or_repeated():
    for way in WAYS[:2]:
        rows, states = taken(RECORDS, **way).all_with_states()
        state, count = states[20], 20
        source = MemorySource(RECORDS)

        def trimmed(start, source=source):
            source = MemorySource(RECORDS, start)
            source.trimmed["a", 0] = 14
            return source

        restored = taken(RECORDS, start=state, **way)
        restored.stream._parts = type(restored.stream._parts)(
            trimmed, restored.stream._parts.decoder, restored.stream._parts.open_letters
        )
        left = [row for row in rows[count:] if row[:2] != ("a", 0) or row[2] >= 14]
        assert restored.take(1000) == left
        assert restored.stream.counts.gaps == [Gap("a", 0, 0, 14)]


def test_bad_records_are_counted_told_once_a_kind_and_handed_on_once(caplog):
    letters = ListDeadLetters()
    stream = taken(RECORDS, letters=letters, **WAYS[0])
    bad = [
        (topic, part, offset)
        for (topic, part), items in RECORDS.items()
        for offset, text in items
        if text == b"not json"
    ]
    with caplog.at_level(logging.WARNING, "millstream.ingest"):
        stream.take(1000)
    assert stream.stream.counts.bad == len(bad)
    assert stream.stream.counts.kinds == {"not_json": len(bad)}
    assert stream.stream.counts.records == sum(map(len, RECORDS.values()))
    assert len(caplog.records) == 1
    assert "a[0]@3" in caplog.text
    stream.take(1000)
    assert stream.stream.counts.bad == len(bad)
    assert sorted(sent[:3] for sent in letters.sent) == sorted(bad)
    assert letters.delivered == len(bad)


def test_shares_of_the_partitions_are_all_of_them():
    parts = [taken(RECORDS, share=(index, 2), **WAYS[1]).take(1000) for index in (0, 1)]
    assert {row[1] for row in parts[0]} == {0}
    assert {row[1] for row in parts[1]} == {1}
    assert sorted(parts[0] + parts[1]) == good(RECORDS)


def test_a_range_is_from_position_to_position():
    start, end = Position({"a": {0: 20}}), Position({"a": {0: 50, 1: 10}})
    stream = taken(RECORDS, start=start, end=end, **WAYS[0])
    expected = [
        row
        for row in good(RECORDS)
        if row[0] == "a" and (20, 0)[row[1]] <= row[2] < (50, 10)[row[1]]
    ]
    assert sorted(stream.take(1000)) == expected
    assert stream.stream.state().position == end


@pytest.mark.parametrize(
    ("start", "end", "error", "told"),
    [
        ("earliest", Position({"a": {0: 1000}}), SourceError, r"a\[0\]: 1000 lies past its end"),
        ("earliest", Position({"a": {7: 1}}), SourceError, r"a\[7\]: this stream does not read"),
        ("latest", Position({"a": {0: 5}}), SettingsError, "5 lies before the start, which is 90"),
        (
            Position({"a": {0: 91}}),
            "now",
            SourceError,
            r"a\[0\]: 91 lies past its end, which is 90",
        ),
        (Position({"c": {0: 1}}), "now", SourceError, r"c\[0\]: the broker does not have"),
        ("first", "now", SettingsError, 'expected "earliest"'),
        ("earliest", "then", SettingsError, 'expected None, "now"'),
    ],
)
def test_ranges_that_cannot_be_meant_are_refused(start, end, error, told):
    with pytest.raises(error, match=told):
        taken(RECORDS, start=start, end=end)


def test_a_state_keeps_its_end():
    stream = taken(RECORDS, **WAYS[0])
    stream.take(10)
    state = stream.stream.state()
    grown = records({("a", 0): 200, ("a", 1): 90, ("b", 0): 61}, lambda offset: offset % 11 == 5)
    rest = taken(grown, start=state, **WAYS[0]).take(1000)
    assert sorted([*stream.take(10), *rest]) == good(RECORDS)
    for end in (None, Position({"a": {0: 1}})):
        with pytest.raises(
            SettingsError, match="end: the state is of a stream with end = Position"
        ):
            taken(grown, start=state, end=end, **WAYS[0])


def test_threads_and_sources_end_with_the_run():
    opened = []

    def source(start):
        opened.append(MemorySource(RECORDS, start))
        return opened[-1]

    before = len(threads())
    stream = taken(RECORDS, **WAYS[0])
    stream.stream._parts = type(stream.stream._parts)(
        source, stream.stream._parts.decoder, stream.stream._parts.open_letters
    )
    assert len(stream.take(3)) == 3
    assert len(stream.take(1000)) > 100
    run = stream.stream.start_run()
    run.close()
    run = stream.stream.start_run()
    stream.stream._runs.clear()
    del run
    assert len(threads()) == before
    assert len(opened) == 4
    assert all(each.closed for each in opened)


@pytest.mark.parametrize(
    "fault", [SourceError("broken"), BadRatioExceeded("too many"), ValueError()]
)
def test_an_error_of_the_thread_reaches_the_reader_behind_the_rows_before(fault):
    class Failing(PlainDecoder):
        calls = 0

        def decode(self, batch):
            self.calls += 1
            if self.calls > 4:
                raise fault
            return super().decode(batch)

    stream = taken(RECORDS, decoder=Failing(taken(RECORDS).settings.schema), **WAYS[0])
    expected = taken(RECORDS, **WAYS[0]).take(1000)
    found = []
    with pytest.raises(type(fault)):
        found.extend(stream.rows())
    assert found
    assert found == expected[: len(found)]


def test_an_unbounded_stream_goes_on_where_it_was_idle():
    found = records({("a", 0): 20})
    stream = taken(found, end=None, idle_s=0.3)
    assert stream.take(1000) == good(found)
    found["a", 0] += records({("a", 0): 30})["a", 0][20:]
    found["a", 1] = records({("a", 1): 5})["a", 1]
    later = [row for row in good(found) if row[1] == 1 or row[2] >= 20]
    assert sorted(stream.take(1000)) == later
    assert stream.stream.state().position == Position({"a": {0: 30, 1: 5}})


def test_records_that_come_while_an_unbounded_stream_waits():
    found = records({("a", 0): 5})
    more = records({("a", 0): 40})["a", 0]
    source = MemorySource(found)
    opened = []

    def opening(start):
        opened.append(MemorySource(found, start))
        for poll in range(3, 30):
            opened[-1].events[poll] = lambda last=opened[-1], poll=poll: last.records[
                "a", 0
            ].extend(more[len(last.records["a", 0]) : poll + 5])
        return opened[-1]

    assert source
    stream = taken(found, end=None, idle_s=1.0)
    stream.stream._parts = type(stream.stream._parts)(
        opening, stream.stream._parts.decoder, stream.stream._parts.open_letters
    )
    rows, states = stream.all_with_states()
    assert rows == [row for row in good({("a", 0): more}) if row[2] < 34]
    assert [state.position.get("a", 0) for state in states[1:]] >= [row[2] + 1 for row in rows]


def test_a_ledger_keeps_only_what_was_read_ahead():
    found = records({("a", 0): 3000})
    stream = taken(found, most=1000, block_rows=10)
    run = stream.stream.start_run()
    kept = [len(run.ledger) for _ in stream.rows(run)]
    assert len(kept) > 2000
    assert max(kept) <= 2


def test_memory_opens_at_a_position():
    assert memory(RECORDS)(Position({"a": {0: 4}})).position().get("a", 0) == 4
