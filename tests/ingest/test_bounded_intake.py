"""An intake whose windows are bounded: a backlog becomes several windows, cut by offsets alone."""

import itertools
from dataclasses import replace

import pytest

from ingest import Intake, JsonDecoder, Position, SampleSettings, WindowBuilder, read_window
from ingest.fair_share import fair_share
from tests.ingest.samples import SCHEMA, ListDeadLetters, MemorySource, encoded
from tests.ingest.test_decode_candidates import samples
from tests.ingest.test_intake import until

START = Position({"a": {0: 0, 1: 0, 2: 0}})
COUNTS = (1_000, 3_000, 500)
END = Position({"a": dict(enumerate(COUNTS))})
CHOSEN = SampleSettings(seed=1, window=100, holdout=0.2, holdout_rows=40)


class OneAfterTheOther(MemorySource):
    """Gives a partition's records only when those of the one before it are all given."""

    def poll(self, timeout_s):
        everything, self.records = self.records, {}
        for part, items in everything.items():
            if self._at[part] < len(items):
                self.records = {part: items}
                break
        try:
            return super().poll(timeout_s)
        finally:
            self.records = everything


def records():
    return {
        ("a", partition): [(o, b"bad" if o % 9 == 0 else encoded(o)) for o in range(count)]
        for partition, count in enumerate(COUNTS)
    }


def builder(start=START):
    decoder = JsonDecoder(SCHEMA)
    return WindowBuilder(SCHEMA, ("a",), decoder, ListDeadLetters(), CHOSEN, start)


def windows_of(source, **options):
    """All windows of a backlog, each cut when it is full or nothing is left."""
    intake, windows = Intake(source, builder(), **options), []
    intake.start()
    try:
        while not windows or windows[-1].end != END:
            until(lambda: intake.is_full() or intake.position() == END)
            windows.append(intake.cut())
        return windows, intake.totals()
    finally:
        intake.close()


@pytest.mark.parametrize("kind", [MemorySource, OneAfterTheOther])
@pytest.mark.parametrize("backlog", [None, 0])
def test_a_backlog_becomes_windows_that_tile_and_are_cut_by_offsets_alone(kind, backlog):
    windows, totals = windows_of(
        kind(records(), START, most=130), max_records=700, backlog_records=backlog
    )
    assert totals.records == sum(COUNTS)
    assert [window.counts.seen for window in windows] == [700] * 6 + [300]
    position = START
    for window in windows:
        assert window.start == position
        position = fair_share(position, END, 700)
        assert window.end == position
        again = read_window(
            MemorySource(records(), window.start, most=50), builder(window.start), window.end
        )
        assert samples(again) == samples(window)
        assert replace(again.counts, bad=0, unchecked=0, kinds={}).seen == window.counts.seen
    assert (totals.unchecked > 1_000) is (backlog is not None)


def test_a_full_window_reads_no_further_until_it_is_cut():
    source = MemorySource(records(), START, most=130)
    intake = Intake(source, builder(), max_records=200)
    intake.start()
    try:
        until(intake.is_full)
        polls = source.polls
        assert intake.pending()[0] == 200
        for _ in range(3):
            until(intake.is_full)
            assert intake.pending()[0] == 200
        assert source.polls == polls
        assert intake.cut().counts.seen == 200
        until(intake.is_full)
        assert intake.cut().counts.seen == 200
    finally:
        intake.close()


def test_what_was_read_and_has_no_room_is_lag():
    intake = Intake(MemorySource(records(), START, most=5_000), builder(), max_records=4_000)
    intake.start()
    try:
        until(lambda: intake.is_full() and intake.lag() == 500)
        intake.cut()
        until(lambda: intake.lag() == 0)
        assert intake.pending()[0] == 500
    finally:
        intake.close()


def test_a_long_backlog_makes_longer_windows():
    options = {"max_records": 100, "backlog_windows": 5}
    windows, _ = windows_of(MemorySource(records(), START, most=130), **options)
    sizes = [window.counts.seen for window in windows]
    left = sum(COUNTS)
    for size in sizes:
        assert size == min(left, max(100, left // 5))
        left -= size
    assert len(sizes) < 20
    for one, two in itertools.pairwise(windows):
        assert one.end == two.start


def test_records_that_come_later_are_bounded_too():
    source = MemorySource(records(), START, most=50)
    source.end = source.position  # nobody knows of more than what was read
    intake, sizes = Intake(source, builder(), max_records=333), []
    intake.start()
    try:
        while sum(sizes) < sum(COUNTS):
            until(lambda: intake.is_full() or intake.position() == END)
            sizes.append(intake.cut().counts.seen)
    finally:
        intake.close()
    assert sizes == [333] * 13 + [171]


def test_the_limit_can_change_while_a_window_is_read():
    """A window that has too many already is full, one that was full goes on; no record is lost."""
    intake = Intake(MemorySource(records()), builder(), max_records=1_000)
    intake.start()
    try:
        until(intake.is_full)
        intake.limit(1_500, None)
        until(lambda: intake.is_full() and intake.pending()[0] == 1_500)
        intake.limit(700, None)
        until(intake.is_full)
        windows = [intake.cut()]
        until(intake.is_full)
        windows.append(intake.cut())
        intake.limit(700, 2)  # half of what waits, if that is more
        until(intake.is_full)
        windows.append(intake.cut())
    finally:
        intake.close()
    assert [window.counts.seen for window in windows] == [1_500, 700, 1_150]
    assert all(one.end == other.start for one, other in itertools.pairwise(windows))
