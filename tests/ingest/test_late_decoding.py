"""Candidates that wait to be decoded: the same samples, fewer decoded, bounded, and all counted."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import (
    BadRatioExceeded,
    BottomK,
    Intake,
    Position,
    RecordBatch,
    SampleSettings,
    Selection,
    WindowBuilder,
    hash64,
)
from ingest import window_samples as module
from ingest.sampling.keys import base_keys
from ingest.undecoded import Undecoded
from tests.ingest.samples import SCHEMA, ListDeadLetters, MemorySource, encoded
from tests.ingest.test_decode_candidates import CountingDecoder, samples
from tests.ingest.test_intake import builder as intake_builder
from tests.ingest.test_intake import until
from tests.ingest.test_window import builder

CHOSEN = SampleSettings(seed=3, window=20, holdout=0.3, holdout_rows=6)


def fed(values, check_all, step=11, decoder=None):
    """A builder that got values in small batches over two partitions, and its letters."""
    letters = ListDeadLetters()
    made = WindowBuilder(
        SCHEMA, ("a",), decoder or CountingDecoder(), letters, CHOSEN, Position({"a": {0: 0, 1: 0}})
    )
    half = len(values) // 2
    for low in range(0, half, step):
        offsets = range(low, min(low + step, half))
        for partition in range(2):
            part = [values[partition * half + offset] for offset in offsets]
            made.add(RecordBatch.of("a", partition, offsets, part), check_all=check_all)
    return made, letters


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_bad_records_and_any_room_give_the_samples_of_decoding_all(data):
    share = data.draw(st.sampled_from([0.0, 0.05, 0.5, 0.95, 1.0]))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = [b"bad" if random.random() < share else encoded(n) for n in range(800)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "WAITING_SAMPLES", data.draw(st.sampled_from([0, 1, 3, 100])))
        patch.setattr(module, "WAITING_BYTES", data.draw(st.sampled_from([0, 3_000, 1 << 20])))
        late, letters = fed(values, check_all=False)
        window = late.build()
    expected = fed(values, check_all=True)[0].build()
    assert samples(window) == samples(expected)
    counts = window.counts
    assert counts.seen == 800 == counts.bad + counts.train + counts.validation + counts.test
    assert counts.bad == len(letters.sent) == len(set(letters.sent))
    assert counts.kinds == ({"not_json": counts.bad} if counts.bad else {})
    assert counts.unchecked >= 0


def test_waiting_saves_decoding(monkeypatch):
    values, decoded = [encoded(n) for n in range(6_000)], {}
    for room in (0, 3):
        monkeypatch.setattr(module, "WAITING_SAMPLES", room)
        decoder = CountingDecoder()
        made, _ = fed(values, check_all=False, decoder=decoder)
        counts = made.build().counts
        decoded[room] = len(decoder.given)
        assert len(set(decoder.given)) == decoded[room] == counts.seen - counts.unchecked
    assert decoded[3] < 0.6 * decoded[0]


def test_no_more_wait_than_there_is_room(monkeypatch):
    values = [encoded(n) for n in range(2_000)]
    most = 3 * (20 + 6 + 6)
    full, add = [], Undecoded.add

    def watched(self, batch, rows, sides):
        add(self, batch, rows, sides)
        full.append((len(self), self._bytes))

    monkeypatch.setattr(Undecoded, "add", watched)
    fed(values, check_all=False, step=5)
    assert most <= max(count for count, _ in full) < most + 5
    full.clear()
    monkeypatch.setattr(module, "WAITING_BYTES", 2_000)
    fed(values, check_all=False, step=5)
    assert 2_000 <= max(size for _, size in full) < 2_000 + 5 * len(encoded(10_000))


def test_what_waits_does_not_hold_the_fetch_and_keeps_nulls_and_keys():
    keys, values = [b"k", None, b"", b"kk"], [b"v" * 50, b"", None, b"w"]
    batch = RecordBatch.of("a", 3, [5, 6, 9, 12], values, keys=keys, timestamps=[1, 2, 3, -1])
    waiting = Undecoded(100, 1_000)
    for places in ([0, 2], [3]):
        waiting.add(batch, np.array(places), np.array(places, np.int8))
    assert (len(waiting), waiting.is_full) == (3, False)
    ((found, sides),) = waiting.take()
    assert (found.topic, found.partition, sides.tolist()) == ("a", 3, [0, 2, 3])
    assert (found.offsets.tolist(), found.timestamps.tolist()) == ([5, 9, 12], [1, 3, -1])
    assert [found.key(n) for n in range(3)] == [b"k", b"", b"kk"]
    assert [found.value(n) for n in range(3)] == [b"v" * 50, None, b"w"]
    assert (len(found.buffer), found.buffer.flags.writeable) == (1 + 2 + 50 + 1, False)
    assert (len(waiting), waiting.take()) == (0, [])
    # What one large record took is not kept.
    huge = RecordBatch.of("b", 0, [1], [b"h" * 5_000])
    waiting.add(huge, np.zeros(1, np.int64), np.zeros(1, np.int8))
    assert waiting.is_full
    ((found, _),) = waiting.take()
    assert (found.value(0), len(waiting._buffer)) == (b"h" * 5_000, 0)


CONTENT = st.one_of(st.none(), st.binary(max_size=40))
PARTS = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.tuples(CONTENT, CONTENT, st.booleans()), min_size=1)),
    max_size=8,
)


@settings(deadline=None)
@given(PARTS, st.integers(0, 200))
def test_what_waits_is_what_was_taken_however_it_came(parts, room):
    waiting, expected = Undecoded(1_000, room), {}
    for number, (partition, records) in enumerate(parts):
        keys, values, taken = zip(*records, strict=True)
        offsets = range(1_000 * number, 1_000 * number + len(records))
        batch = RecordBatch.of(
            "a", partition, offsets, values, keys=keys, timestamps=[7 * n for n in offsets]
        )
        rows = np.flatnonzero(taken)
        sides = (batch.offsets[rows] % 3).astype(np.int8)
        part = batch.take(rows)
        if part is not None:
            waiting.add(batch, rows, sides)
            expected.setdefault(partition, []).extend(listed(part, sides))
    found = {batch.partition: listed(batch, sides) for batch, sides in waiting.take()}
    assert found == expected


def listed(batch, sides):
    places = zip(batch.offsets.tolist(), batch.timestamps.tolist(), sides.tolist(), strict=True)
    return [(*place, batch.key(n), batch.value(n)) for n, place in enumerate(places)]


def test_the_leading_are_those_that_end_in_the_sample():
    keys = base_keys(hash64(1, "sample", ["a"], 0, 0, np.arange(50)))
    sampler = BottomK(Selection(10, 1, SCHEMA), ("a",))
    assert sampler.leading(keys[:10]).all()
    assert np.flatnonzero(sampler.leading(keys)).tolist() == sorted(np.argsort(keys)[:11])


def test_decoding_everything_again_decodes_what_waits():
    decoder = CountingDecoder()
    made, _ = fed([encoded(n) for n in range(60)], check_all=False, decoder=decoder)
    assert (decoder.given, made.counts.unchecked) == ([], 60)
    made.add(RecordBatch.of("a", 0, [30], [encoded(1)]))
    decoded = made.counts.seen - made.counts.unchecked
    assert decoded == len(decoder.given) > 20


def behind(values, **options):
    source = MemorySource({("a", 0): list(enumerate(values))}, most=50)
    letters = ListDeadLetters()
    intake = Intake(source, intake_builder(letters=letters), backlog_records=0, **options)
    source.end = lambda: Position({"a": {0: 10**9, 1: 0}})
    intake.start()
    until(lambda: intake.totals().records == len(values))
    return intake, letters


def test_what_a_cut_decodes_is_counted_once():
    intake, letters = behind([b"bad" if n % 9 == 0 else encoded(n) for n in range(300)])
    assert intake.totals().unchecked == 300
    windows = [intake.cut(), intake.cut()]
    intake.close()
    totals, counts = intake.totals(), windows[0].counts
    assert (totals.records, totals.bad) == (300, counts.bad) == (300, len(letters.sent))
    assert (totals.unchecked, totals.kinds) == (counts.unchecked, {"not_json": counts.bad})
    assert 0 < counts.bad <= 34
    assert letters.delivered == counts.bad
    assert windows[1].counts.seen == 0


def test_too_many_bad_ones_among_what_a_cut_decodes_end_the_intake():
    intake, letters = behind([b"bad"] * 200, bad_ratio_min_records=100)
    for act in (intake.cut, intake.cut, intake.check):
        with pytest.raises(BadRatioExceeded, match="200 of 200 records are bad"):
            act()
    until(lambda: not intake._thread.is_alive())
    assert letters.delivered == 200


def test_a_window_is_the_same_wherever_it_is_looked_at():
    """`build` in between decodes what waits, which changes no sample."""
    looked, plain = builder(window=9, holdout_rows=3), builder(window=9, holdout_rows=3)
    for low in range(0, 400, 10):
        part = RecordBatch.of("a", 0, range(low, low + 10), [encoded(n) for n in range(10)])
        for made in (looked, plain):
            made.add(part, check_all=False)
        looked.build()
    one, two = looked.build(), plain.build()
    assert samples(one) == samples(two)
    assert replace(one.counts, unchecked=0) == replace(two.counts, unchecked=0)
