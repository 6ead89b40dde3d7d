import itertools
import threading
import time

import pytest

from ingest import (
    BadRatioExceeded,
    DeadLetterError,
    Gap,
    Intake,
    JsonDecoder,
    Position,
    SampleSettings,
    SourceError,
    WindowBuilder,
)
from ingest.bad_ratio import BadRatio
from tests.ingest.samples import SCHEMA, ListDeadLetters, MemorySource, encoded
from tests.ingest.test_window import same

DEADLINE_S = 30.0


def records(count=4_000, bad_every=0):
    def value(n):
        return b"bad" if bad_every and n % bad_every == 0 else encoded(n)

    return {("a", p): [(o, value(o)) for o in range(count)] for p in range(2)}


def builder(start=None, letters=None):
    settings = SampleSettings(seed=1, window=100, holdout=0.2, holdout_rows=40)
    start = start or Position({"a": {0: 0, 1: 0}})
    letters = letters or ListDeadLetters()
    return WindowBuilder(SCHEMA, ("a",), JsonDecoder(SCHEMA), letters, settings, start)


def until(holds):
    """Wait for a state that must come; the deadline only ends a test that has failed."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.002)


@pytest.fixture
def intakes():
    started = []

    def start(source, made=None, **options):
        intake = Intake(source, made or builder(), **options)
        started.append(intake)
        intake.start()
        return intake

    yield start
    for intake in started:
        intake.close()


def test_windows_tile_the_stream_while_records_come_in(intakes):
    source = MemorySource(records(), most=13)
    intake = intakes(source)
    windows = []
    while intake.totals().records < 8_000:
        until(lambda: intake.pending()[0] >= 300 or intake.totals().records == 8_000)
        windows.append(intake.cut())
    windows.append(intake.cut())
    assert len(windows) > 5
    assert windows[0].start == Position({"a": {0: 0, 1: 0}})
    for one, two in itertools.pairwise(windows):
        assert one.end == two.start
    assert windows[-1].end == Position({"a": {0: 4_000, 1: 4_000}})
    assert sum(window.counts.seen for window in windows) == 8_000
    for window in windows:
        length = sum(len(part) for part in window.start.ranges_to(window.end))
        assert window.counts.seen == length


def test_a_window_is_what_its_offset_ranges_say(intakes):
    source = MemorySource(records(bad_every=9), most=13)
    intake = intakes(source)
    until(lambda: intake.pending()[0] >= 500)
    intake.cut()
    until(lambda: intake.pending()[0] >= 500)
    window = intake.cut()
    from ingest import read_window

    again = read_window(
        MemorySource(records(bad_every=9), window.start, most=50), builder(window.start), window.end
    )
    assert same(again, window)


def test_cuts_from_many_threads_are_atomic(intakes):
    intake = intakes(MemorySource(records(1_000), most=3))
    windows, ended = [], threading.Event()

    def cut():
        while not ended.wait(0.001):
            windows.append(intake.cut())

    threads = [threading.Thread(target=cut) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: intake.totals().records == 2_000)
    ended.set()
    for thread in threads:
        thread.join()
    windows.append(intake.cut())
    ranges = sorted(
        (part.partition, part.start, part.end)
        for window in windows
        for part in window.start.ranges_to(window.end)
        if len(part)
    )
    for partition in range(2):
        ends = [(start, end) for p, start, end in ranges if p == partition]
        assert ends[0][0] == 0
        assert ends[-1][1] == 1_000
        assert all(one[1] == two[0] for one, two in itertools.pairwise(ends))
    assert sum(window.counts.seen for window in windows) == 2_000


def test_pending_totals_position_and_lag(intakes):
    source = MemorySource(records(50, bad_every=10), most=7)
    intake = Intake(source, builder())
    assert intake.pending() == (0, 0.0)
    assert intake.lag() is None
    intake = intakes(source)
    until(lambda: intake.totals().records == 100)
    assert intake.totals().bad == 10
    assert intake.totals().kinds == {"not_json": 10}
    seen, seconds = intake.pending()
    assert seen == 100
    assert seconds > 0
    intake.cut()
    assert intake.pending() == (0, 0.0)
    assert intake.totals().records == 100
    assert intake.totals().kinds == {"not_json": 10}
    assert intake.position() == Position({"a": {0: 50, 1: 50}})
    until(lambda: intake.lag() == 0)


def test_a_failure_in_the_thread_surfaces(intakes):
    source = MemorySource(records(), most=10)

    def fail():
        raise SourceError("the broker is gone")

    source.events[5] = fail
    intake = intakes(source)
    until(lambda: not intake._thread.is_alive())
    for act in (intake.check, intake.cut, intake.check):
        with pytest.raises(SourceError, match="the broker is gone"):
            act()
    assert intake.totals().records == 100


def test_an_unknown_lag_is_no_failure(intakes):
    source = MemorySource(records(100))
    asked = threading.Event()

    def end():
        asked.set()
        raise SourceError("no answer")

    source.end = end
    intake = intakes(source)
    until(lambda: asked.is_set() and intake.totals().records == 200)
    intake.check()
    assert intake.lag() is None


def test_too_many_bad_records_end_it(intakes):
    letters = ListDeadLetters()
    source = MemorySource(records(bad_every=2), most=10)
    intake = intakes(source, builder(letters=letters), max_bad_ratio=0.4, bad_ratio_min_records=100)
    until(lambda: not intake._thread.is_alive())
    message = r"50 of 100 records are bad \(50 not_json\), more than kafka.max_bad_ratio = 0.4"
    for act in (intake.check, intake.cut):
        with pytest.raises(BadRatioExceeded, match=message):
            act()
    assert (len(letters.sent), letters.delivered) == (50, 50)


def test_the_ratio_counts_from_the_first_so_many_records(intakes):
    values = [b"bad"] * 60 + [encoded(n) for n in range(140)]
    source = MemorySource({("a", 0): list(enumerate(values))}, most=10)
    intake = intakes(source, builder(), max_bad_ratio=0.4, bad_ratio_min_records=200)
    until(lambda: intake.totals().records == 200)
    intake.check()
    assert intake.cut().counts.bad == 60


def test_the_ratio_counts_across_windows_that_are_smaller():
    source = MemorySource(records(bad_every=2), most=5)
    letters = ListDeadLetters()
    made = builder(letters=letters)
    intake = Intake(source, made, max_bad_ratio=0.4, bad_ratio_min_records=100)
    windows = []
    source.events = dict.fromkeys(range(1, 800), lambda: windows.append(intake.cut()))
    intake.start()
    until(lambda: not intake._thread.is_alive())
    with pytest.raises(BadRatioExceeded, match="of 100 records are bad"):
        intake.cut()
    assert [window.counts.seen for window in windows] == [10] * 9
    assert letters.delivered == len(letters.sent)


def test_the_ratio_is_of_the_last_records():
    ratio = BadRatio(0.5, 100)
    for _ in range(500):
        ratio.add(10, {})
    for bad in range(0, 200, 10):
        assert ratio.exceeded() is None, f"{bad} bad ones after 5000 good ones"
        ratio.add(10, {"not_json": 10})
        if ratio.exceeded():
            break
    assert 100 <= bad + 10 <= 200
    for _ in range(30):
        ratio.add(10, {})
    assert ratio.exceeded() is None


def test_no_window_without_its_dead_letters(intakes):
    letters = ListDeadLetters(fail_flush=DeadLetterError("1 of 1 dead letters"))
    intake = intakes(MemorySource(records(20, bad_every=5)), builder(letters=letters))
    until(lambda: intake.totals().records == 40)
    with pytest.raises(DeadLetterError):
        intake.cut()
    letters.fail_flush = None
    window = intake.cut()
    assert (window.counts.seen, window.counts.bad, letters.delivered) == (40, 8, 8)


class StuckLetters(ListDeadLetters):
    """Dead letters whose `stuck` method waits until the broker `answers`."""

    def __init__(self, stuck):
        super().__init__()
        self.stuck, self.waiting, self.answers = stuck, threading.Event(), threading.Event()

    def _wait(self, method):
        if method == self.stuck:
            self.waiting.set()
            assert self.answers.wait(DEADLINE_S)

    def send(self, batch, bad):
        self._wait("send")
        super().send(batch, bad)

    def flush(self):
        self._wait("flush")
        super().flush()


@pytest.mark.parametrize("stuck", ["send", "flush"])
def test_only_a_cut_waits_for_the_broker(intakes, stuck):
    letters = StuckLetters(stuck)
    values = [encoded(n) for n in range(30)] + [b"bad"]
    source = MemorySource({("a", 0): list(enumerate(values))}, most=10)
    intake = intakes(source, builder(letters=letters))
    expected = 30 if stuck == "send" else 31
    until(lambda: intake.totals().records == expected)
    windows = []
    cutter = threading.Thread(target=lambda: windows.append(intake.cut()))
    if stuck == "flush":
        cutter.start()
    assert letters.waiting.wait(DEADLINE_S)
    if stuck == "send":
        cutter.start()
    seen = []
    asks = (intake.pending, intake.totals, intake.position, intake.lag, intake.check)
    asker = threading.Thread(target=lambda: seen.extend(ask() for ask in asks), daemon=True)
    asker.start()
    asker.join(DEADLINE_S / 3)
    assert not windows
    letters.answers.set()
    cutter.join()
    assert len(seen) == len(asks), "it waited for the broker"
    assert (seen[0][0], seen[1].records) == (expected, expected)
    assert seen[2] == Position({"a": {0: expected, 1: 0}})
    assert windows[0].counts.seen == 31


def test_gaps_are_part_of_the_window(intakes):
    source = MemorySource(records(100), most=10)
    source.events[2] = lambda: source.trimmed.update({("a", 1): 60})
    intake = intakes(source)
    until(lambda: intake.position() == Position({"a": {0: 100, 1: 100}}))
    window = intake.cut()
    assert window.gaps == (Gap("a", 1, 20, 60),)
    assert window.counts.seen == 160


def test_partitions_that_appear_are_read_from_their_beginning(intakes):
    source = MemorySource(records(100), most=10)
    source.events[2] = lambda: source.records.update({("a", 5): [(0, encoded(1))]})
    intake = intakes(source)
    until(lambda: intake.totals().records == 201)
    window = intake.cut()
    assert (window.start.get("a", 5), window.end.get("a", 5)) == (0, 1)


def test_close_ends_the_thread_and_may_be_repeated():
    intake = Intake(MemorySource(records(10)), builder())
    intake.close()
    intake = Intake(MemorySource(records(10)), builder())
    intake.start()
    intake.close()
    intake.close()
    assert not any(thread.name == "millstream-intake" for thread in threading.enumerate())
