"""Decoding only what could enter a sample gives the samples of decoding everything."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import (
    BottomK,
    Decoded,
    Field,
    Intake,
    JsonDecoder,
    Position,
    RecordBatch,
    Rows,
    SampleSettings,
    Schema,
    Selection,
    SourceError,
    Weighted,
    WindowBuilder,
    hash64,
    read_window,
    split,
)
from ingest.identity import PLACES, sequence, unit
from ingest.identity_scan import at_most
from ingest.sampling.keys import last_place
from ingest.split import Splitter
from tests.ingest.samples import SCHEMA, TOPICS, ListDeadLetters, MemorySource, encoded
from tests.ingest.test_intake import builder as intake_builder
from tests.ingest.test_intake import records, until
from tests.ingest.test_window import (
    PARTITIONS,
    START,
    batch,
    builder,
    deliveries,
    same,
    stream,
    value,
)

SAMPLES = ("train", "validation", "test")


class CountingDecoder(JsonDecoder):
    """Knows which records it was given."""

    def __init__(self):
        super().__init__(SCHEMA)
        self.given = []

    def decode(self, part: RecordBatch) -> Decoded:
        self.given += [(part.topic, part.partition, int(offset)) for offset in part.offsets]
        return super().decode(part)


def samples(window):
    return {name: getattr(window, name) for name in SAMPLES}


@settings(deadline=None, max_examples=60)
@given(deliveries(), st.data())
def test_any_choice_of_when_to_decode_all_gives_the_same_samples(order, data):
    chosen, whole = {"window": 7, "holdout_rows": 2}, builder(window=7, holdout_rows=2)
    letters = ListDeadLetters()
    made = builder(letters=letters, **chosen)
    for partition, offsets in order:
        part = batch(partition, offsets)
        whole.add(part)
        made.add(part, check_all=data.draw(st.booleans()))
    expected, window = whole.build(), made.build()
    assert samples(window) == samples(expected)
    assert (window.start, window.end) == (expected.start, expected.end)
    assert window.first_timestamp == expected.first_timestamp
    counts = window.counts
    assert counts.seen == counts.bad + counts.train + counts.validation + counts.test
    assert counts.seen == expected.counts.seen
    assert counts.bad == len(letters.sent) == len(set(letters.sent)) <= expected.counts.bad
    assert counts.unchecked <= counts.train + counts.validation + counts.test


def test_what_is_not_decoded_is_counted_to_its_side_as_unchecked():
    decoder, letters = CountingDecoder(), ListDeadLetters()
    chosen = SampleSettings(seed=3, window=5, holdout=0.3, holdout_rows=2)
    made = WindowBuilder(SCHEMA, TOPICS, decoder, letters, chosen, START)
    for low in range(0, 60, 4):
        for partition in PARTITIONS:
            offsets = [offset for offset in stream(partition) if low <= offset < low + 4]
            made.add(batch(partition, offsets), check_all=False)
    names = [(*p, o) for p in PARTITIONS for o in stream(p)]
    counts = made.build().counts
    assert len(decoder.given) == len(set(decoder.given)) < len(names) / 2
    assert counts.unchecked == len(names) - len(decoder.given) > 0
    bad = {name for name in decoder.given if value(name[:2], name[2]) == b"bad"}
    assert {sent[:3] for sent in letters.sent} == bad
    assert (counts.bad, counts.kinds) == (len(bad), {"not_json": len(bad)})
    sides = [int(split(3, [t], 0, p, [o], 0.3)[0]) for t, p, o in names if (t, p, o) not in bad]
    assert [counts.train, counts.validation, counts.test] == [sides.count(n) for n in range(3)]


def test_bad_records_do_not_lower_the_threshold():
    """The records with the smallest keys are bad, so that later ones have to take their place."""
    offsets = np.arange(400)
    keys = hash64(3, "sample", ["a"], 0, 0, offsets)
    bad = set(np.argsort(keys)[:120].tolist())
    values = [b"bad" if offset in bad else encoded(offset) for offset in range(400)]
    one, other = builder(window=30, holdout=0.0), builder(window=30, holdout=0.0)
    for low in range(0, 400, 20):
        part = RecordBatch.of("a", 0, range(low, low + 20), values[low : low + 20])
        one.add(part)
        other.add(part, check_all=False)
    assert samples(one.build()) == samples(other.build())
    assert len(other.build().train) == 30
    # A bad one with a small key would have been a candidate at any time.
    assert other.build().counts.bad == 120


def test_texts_lists_and_moments_are_sampled_alike():
    schema = Schema(
        (
            Field("words", "string"),
            Field("path", "float32", length="ragged"),
            Field("at", "timestamp"),
            Field("label", "float32", "label"),
        )
    )

    def windows(count, check_all):
        chosen = SampleSettings(seed=5, window=9, holdout=0.3, holdout_rows=4)
        made = WindowBuilder(
            schema, ("a",), JsonDecoder(schema), ListDeadLetters(), chosen, Position({"a": {0: 0}})
        )
        for low in range(0, count, 17):
            numbers = range(low, low + 17)
            values = [
                json.dumps(
                    {"words": "ø" * (n % 5), "path": [n / 4] * (n % 4), "at": n, "label": n % 9 / 8}
                ).encode()
                for n in numbers
            ]
            made.add(RecordBatch.of("a", 0, numbers, values), check_all=check_all)
        return made.build()

    few, everything = windows(340, False), windows(340, True)
    assert samples(few) == samples(everything)
    assert few.counts.unchecked > 100
    for at, offset in enumerate(few.train.offset.tolist()):
        assert few.train.columns["words"].texts()[at].decode() == "ø" * (offset % 5)
        assert few.train.columns["path"].row(at).tolist() == [offset / 4] * (offset % 4)


@settings(deadline=None)
@given(
    st.integers(-(2**70), 2**70),
    st.sampled_from([0.0, 2**-60, 0.1, 0.3, 0.5, float(np.nextafter(1, 0)), 1.0]),
    st.text(max_size=9),
    st.integers(0, 2**31 - 1),
    st.lists(st.integers(0, 2**63 - 1), max_size=50),
)
def test_one_pass_says_what_split_and_hash64_say(seed, holdout, topic, partition, offsets):
    offsets = np.array(offsets, np.int64)
    found, counts = Splitter(seed, holdout).sides(topic, partition, offsets)
    expected = split(seed, [topic], 0, partition, offsets, holdout)
    assert (found.dtype, found.tolist()) == (expected.dtype, expected.tolist())
    assert list(counts) == [int((expected == side).sum()) for side in range(3)]
    places = hash64(seed, "sample", [topic], 0, partition, offsets) >> np.uint64(12)
    start = sequence(seed, "sample", topic, partition)
    for limit in {0, PLACES - 1, *places.tolist()}:
        assert at_most(start, offsets, limit).tolist() == [p <= limit for p in places.tolist()]


def test_the_last_place_is_beyond_every_key_at_the_threshold():
    """Places of every size; the key of each, and of its neighbours, by the same rounding."""
    random = np.random.default_rng(0)
    places = (2.0 ** random.uniform(0, 52, 20_000)).astype(np.int64)
    places = np.concatenate([places, PLACES - 1 - places]).astype(np.uint64)
    keys = np.log(-np.log1p(-unit(places << np.uint64(12))))
    for place, key in zip(places.tolist(), keys.tolist(), strict=True):
        last = last_place(key, 0.0)
        assert place <= last <= place * (1 + 2.0**-39) + 2**12
        assert place <= last_place(key - 1e6, 1e6)


@pytest.mark.parametrize("place", [0, 5, 2**39 + 7, 2**45, 2**49 + 1, 2**51, PLACES - 2**14])
def test_keys_that_rounding_makes_equal_or_swaps_stay_below_the_last_place(place):
    near = np.clip(place + np.arange(-3_000, 3_000), 0, PLACES - 1).astype(np.uint64)
    keys = np.log(-np.log1p(-unit(near << np.uint64(12))))
    for key in keys[2_900:3_100].tolist():
        assert near[keys <= key].max() <= last_place(key, 0.0)


def test_few_but_the_sample_are_candidates():
    offsets = np.arange(100_000)
    sampler = BottomK(Selection(100, 1, SCHEMA), ("a",))
    assert sampler.candidates("a", 0, offsets, offsets).all()
    columns = Rows.empty(SCHEMA, ("a",)).columns
    zeros = {name: np.zeros(len(offsets), column.dtype) for name, column in columns.items()}
    part = np.zeros(len(offsets), np.int32)
    sampler.offer(Rows(("a",), part, part, offsets, offsets, zeros))
    held = sampler.get_state().rows.offset.tolist()
    assert len(held) == 101
    assert np.flatnonzero(sampler.candidates("a", 0, offsets, offsets)).tolist() == held
    weighted = BottomK(Selection(100, 1, SCHEMA, Weighted("weight")), ("a",))
    weighted.merge(BottomK(Selection(100, 1, SCHEMA, Weighted("weight")), ("a",)))
    assert weighted.candidates("a", 0, offsets, offsets).all()


def test_a_replay_may_decode_candidates_only():
    source = {("a", 0): [(o, b"bad" if o % 8 == 1 else encoded(o)) for o in range(500)]}
    start, end = Position({"a": {0: 0}}), Position({"a": {0: 480}})
    chosen = replace(SampleSettings(seed=1, window=12, holdout=0.3), holdout_rows=5)
    windows = []
    for check_all in (True, False):
        made = WindowBuilder(SCHEMA, ("a",), JsonDecoder(SCHEMA), ListDeadLetters(), chosen, start)
        windows.append(read_window(MemorySource(source), made, end, check_all=check_all))
    assert samples(windows[0]) == samples(windows[1])
    assert (windows[0].counts.unchecked, windows[1].counts.seen) == (0, 480)
    assert windows[1].counts.unchecked > 100


def run_intake(backlog, **options):
    letters = ListDeadLetters()
    intake = Intake(
        MemorySource(records(bad_every=9), most=13),
        intake_builder(letters=letters),
        backlog_records=backlog,
        **options,
    )
    intake.start()
    try:
        until(lambda: intake.totals().records == 8_000)
        return intake.cut(), intake.totals(), letters
    finally:
        intake.close()


def test_the_intake_decodes_candidates_only_while_it_is_behind(caplog):
    caplog.set_level("INFO", "millstream.ingest")
    everything, totals, _ = run_intake(None)
    assert (totals.unchecked, everything.counts.unchecked) == (0, 0)
    unhurried, totals, _ = run_intake(1_000_000)
    assert totals.unchecked == 0
    assert same(unhurried, everything)
    hurried, totals, letters = run_intake(1_000)
    assert samples(hurried) == samples(everything)
    assert [message.split(": ")[1] for message in caplog.messages] == [
        "decoding what could enter a sample",
        "decoding everything again",
    ]
    assert 4_000 < totals.unchecked == hurried.counts.unchecked < 7_000
    assert totals.bad == hurried.counts.bad == len(letters.sent)
    # The last thousand are decoded and checked, whatever they are.
    last = [(p, o) for p in range(2) for o in range(3_520, 4_000) if o % 9 == 0]
    assert set(last) <= {(p, o) for _, p, o, _ in letters.sent}


def test_the_bad_ratio_is_over_checked_records_only():
    """Of all records a ninth is bad; of the few that are checked it is about as many."""
    _, totals, _ = run_intake(0, max_bad_ratio=0.3, bad_ratio_min_records=300)
    checked = totals.records - totals.unchecked
    assert totals.bad / checked > 0.05 > totals.bad / totals.records


def test_while_nobody_knows_the_lag_everything_is_decoded():
    source = MemorySource(records(1_000))

    def end():
        raise SourceError("no answer")

    source.end = end
    intake = Intake(source, intake_builder(), backlog_records=0)
    intake.start()
    until(lambda: intake.totals().records == 2_000)
    intake.close()
    assert intake.totals().unchecked == 0
