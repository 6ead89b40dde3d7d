"""All samplers keep what the protocol promises, and their weights make unbiased estimates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ingest import BottomK, Field, Rows, Schema, Selection
from ingest.errors import SamplerError, SettingsError
from ingest.ragged import Ragged
from ingest.sampling import Balanced, Recent, Stratified, Uniform, Weighted
from ingest.sampling.checks import (
    check_sampler,
    check_sampler_uniform,
    check_sampler_weights,
)
from tests.ingest.samples import SCHEMA, TOPICS, make_rows

WAYS = {
    "uniform": {},
    "weighted": {"weighting": Weighted("weight")},
    "by a function": {
        "weighting": Weighted(function=lambda columns: columns["count"] + 1.0, name="count + 1")
    },
    "recent by seconds": {"weighting": Recent(seconds=0.05)},
    "recent by records": {"weighting": Recent(records=7)},
    "balanced": {"allocation": Balanced.of(SCHEMA)},
    "balanced over many": {"allocation": Balanced.of(SCHEMA, "user")},
    "capped": {"allocation": Balanced.of(SCHEMA, "city", cap=4)},
    "shares": {"allocation": Balanced.of(SCHEMA, "late", shares={"yes": 3})},
    "stratified": {"allocation": Stratified.of(SCHEMA, "user", 3)},
    "balanced and recent": {"weighting": Recent(seconds=0.05), "allocation": Balanced.of(SCHEMA)},
    "stratified and weighted": {
        "weighting": Weighted("weight"),
        "allocation": Stratified.of(SCHEMA, "city", 4),
    },
    "bytes": {"most_bytes": 1_000},
    "balanced within bytes": {"most_bytes": 1_000, "allocation": Balanced.of(SCHEMA, "city")},
    "stratified within bytes": {
        "most_bytes": 1_000,
        "allocation": Stratified.of(SCHEMA, "city", 4),
    },
}
ALL = pytest.mark.parametrize("way", WAYS)


def sampler(way: str, capacity: int, seed: int = 1) -> BottomK:
    return BottomK(Selection(capacity, seed, SCHEMA, **WAYS[way]), TOPICS)


def sample(way: str, capacity: int, rows, seed: int = 1):
    made = sampler(way, capacity, seed)
    made.offer(rows)
    return made.sample()


def skewed(count: int):
    """Rows of which a sixth is late, and cities are of three sizes."""
    rows = make_rows(count)
    number = np.arange(count)
    rows.columns["late"][:] = number % 6 == 0
    rows.columns["city"][:] = (number % 11 == 0) + (number % 7 == 0)
    return rows


@ALL
@pytest.mark.parametrize("capacity", [5, 33])
def test_conformance(way: str, capacity: int) -> None:
    check_sampler(lambda: sampler(way, capacity), skewed(200), capacity, spare=17)


@ALL
def test_weights_are_unbiased(way: str) -> None:
    check_sampler_weights(lambda seed: sampler(way, 24, seed), skewed(60))


def texts(count: int) -> Rows:
    """Rows of three strata with texts of very different lengths."""
    lengths = np.where(np.arange(count) % 5 == 0, 400, np.arange(count) % 30)
    columns = {
        "text": Ragged.from_lengths(np.zeros(lengths.sum(), np.uint8), lengths),
        "kind": np.arange(count, dtype=np.int32) % 7 % 3,
        "label": np.zeros(count, np.float32),
    }
    return replace(make_rows(count), columns=columns)


TEXTS = Schema(
    (
        Field("text", "bytes"),
        Field("kind", "category", vocabulary=("a", "b")),
        Field("label", "float32", "label"),
    )
)


@pytest.mark.parametrize("cap", [None, 6])
def test_bytes_of_rows_that_differ_in_size(cap: int | None) -> None:
    """The large ones are a part of the sample as of the stream, and cuts change nothing."""
    balanced = Balanced.of(TEXTS, "kind", cap, {"a": 2.0})
    for allocation in (None, balanced):

        def make(seed: int, allocation: Balanced | None = allocation) -> BottomK:
            selected = Selection(40, seed, TEXTS, Uniform(), allocation, 4_000)
            return BottomK(selected, TOPICS)

        check_sampler(lambda make=make: make(1), texts(200), 40)
        check_sampler_weights(make, texts(60))


def test_bytes_of_such_rows_go_with_no_stratified_sample() -> None:
    with pytest.raises(SettingsError, match=r'differ in size \("text"\).*\'stratified\''):
        Selection(9, 1, TEXTS, allocation=Stratified.of(TEXTS, "kind", 2), most_bytes=999)
    Selection(9, 1, TEXTS, allocation=Stratified.of(TEXTS, "kind", 2))


def test_many_strata_in_few_bytes_are_not_sorted_at_each_offer(monkeypatch) -> None:
    found = []
    places = Selection.places
    monkeypatch.setattr(
        Selection, "places", lambda self, *rest: found.append(1) or places(self, *rest)
    )
    schema = Schema((Field("kind", "int32", minimum=0, maximum=999), *TEXTS.fields[2:]))
    bounded = Selection(1_000, 1, schema, allocation=Balanced.of(schema, "kind"), most_bytes=6_000)
    made = BottomK(bounded, TOPICS)
    for first in range(0, 20_000, 100):
        rows = make_rows(100, first=first)
        kind = (np.arange(100, dtype=np.int32) + first) % 1_000
        made.offer(replace(rows, columns={"kind": kind, "label": np.zeros(100, np.float32)}))
    assert len(found) < 50
    assert len(made) == 6_000 // (24 + 8)


def test_strata_of_ones_own_may_be_any_integers() -> None:
    class Hashed(Stratified):
        def strata(self, rows):
            return np.array([-(2**63), 7, 2**62])[rows.columns["city"]]

    def make(seed: int) -> BottomK:
        return BottomK(Selection(24, seed, SCHEMA, allocation=Hashed("city", 4)), TOPICS)

    check_sampler(lambda: make(1), skewed(200), 24, spare=3)
    check_sampler_weights(make, skewed(60))


def test_a_sampler_that_is_not_uniform_is_found() -> None:
    check_sampler_uniform(lambda seed: sampler("uniform", 15, seed), make_rows(60), seeds=500)
    with pytest.raises(AssertionError, match="rows that are sampled equally often"):
        check_sampler_uniform(lambda seed: sampler("weighted", 15, seed), make_rows(60), seeds=500)


def test_a_state_that_grows_is_found() -> None:
    with pytest.raises(AssertionError, match="a state of at most 24 rows, got 2"):
        check_sampler(lambda: sampler("uniform", 25), make_rows(200), 25, spare=-1)


def test_weights_that_are_wrong_are_found() -> None:
    class Careless(BottomK):
        def weights(self):
            return np.full(len(self), 60 / len(self))

    with pytest.raises(AssertionError, match="an estimate of"):
        check_sampler_weights(
            lambda seed: Careless(Selection(18, seed, SCHEMA, Weighted("weight")), TOPICS),
            skewed(60),
        )


@ALL
def test_memory_is_bounded_and_the_threshold_only_falls(way: str) -> None:
    made, before = sampler(way, 50), np.inf
    for part in range(100):
        made.offer(make_rows(300, first=part * 300))
        assert sum(len(rows) for rows in made._parts) <= 100 + 17
        assert made.threshold <= before
        before = made.threshold
    assert len(made.get_state().rows) <= 50 + 17


def test_each_class_has_as_many_rows_whenever_it_came() -> None:
    rows = make_rows(1_000)
    rows.columns["city"][:] = np.repeat([0, 1, 2], [900, 90, 10])
    chosen = sample("capped", 1_000, rows).columns["city"]
    assert np.bincount(chosen).tolist() == [4, 4, 4]
    made = BottomK(Selection(60, 1, SCHEMA, allocation=Balanced.of(SCHEMA, "city")), TOPICS)
    made.offer(rows)
    assert np.bincount(made.sample().columns["city"]).tolist() == [25, 25, 10]


def test_shares_are_parts_of_the_sample() -> None:
    late = sample("shares", 40, make_rows(1_000)).columns["late"]
    assert np.bincount(late).tolist() == [10, 30]


def test_strata_have_their_least_rows_and_else_their_proportion() -> None:
    rows = make_rows(6_000)
    rows.columns["user"][:] = np.where(np.arange(6_000) < 20, 1 + np.arange(6_000) % 4, 5)
    rows.columns["user"][3_000:] = 6
    chosen = np.bincount(sample("stratified", 600, rows).columns["user"])
    assert chosen[1:5].tolist() == [3, 3, 3, 3]
    assert abs(chosen[5] - 294) < 60
    assert chosen.sum() == 600


def test_a_row_a_half_life_older_is_half_as_likely() -> None:
    """Rows a tenth of a half-life apart, one of 60 in a sample: 3,000 seeds."""
    rows, found = make_rows(60), np.zeros(60)
    for seed in range(3_000):
        made = BottomK(Selection(1, seed, SCHEMA, Recent(seconds=0.01)), TOPICS)
        made.offer(rows)
        found[made.sample().timestamp - 1_000] += 1
    expected = 0.5 ** (np.arange(60)[::-1] / 10)
    expected *= 3_000 / expected.sum()
    from scipy import stats

    assert stats.chisquare(found, expected).pvalue > 1e-4


def test_recent_by_kafkas_time_needs_no_decoding() -> None:
    rows = make_rows(20_000)
    made = sampler("recent by seconds", 100)
    made.offer(rows)
    old = made.candidates("a", 0, np.arange(1_000), np.full(1_000, 1_000))
    new = made.candidates("a", 0, np.arange(1_000), np.full(1_000, 22_000))
    assert not old.any()
    assert new.all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Balanced.of(SCHEMA, "nothing"), 'no field "nothing"; it has amount, count'),
        (lambda: Balanced.of(SCHEMA, "big"), 'field "big" may have any number of values'),
        (lambda: Balanced.of(SCHEMA, cap=0), "a cap of at least 1, got 0"),
        (lambda: Balanced.of(SCHEMA, shares={"yes": 0.0}), "shares of more than 0"),
        (lambda: Balanced.of(SCHEMA, shares={"maybe": 1.0}), "never has the value 'maybe'"),
        (lambda: Balanced("late", shares={1: -1.0}), r"more than 0, got \{1: -1.0\}"),
        (lambda: Stratified.of(SCHEMA, "city", 0), "least of at least 1, got 0"),
        (lambda: Stratified("city", 0), "least of at least 1, got 0"),
        (lambda: Recent(), "one half-life, of at least 0.001 seconds or 1 record"),
        (lambda: Recent(seconds=0.0), "at least 0.001 seconds"),
        (lambda: Recent(seconds=1e-300), "got seconds 1e-300"),
        (lambda: Recent(records=0.5), "1 record; got seconds None, records 0.5"),
        (lambda: Recent(seconds=np.inf), "got seconds inf"),
        (lambda: Recent(records=5, field="at"), "goes with a half-life in seconds"),
        (lambda: Weighted(), "a field or a function"),
        (lambda: Weighted(function=len), "a name of the function"),
        (lambda: Selection(1, 0, SCHEMA, Recent(seconds=1, field="at")), 'timestamp "at"'),
        (lambda: Selection(1, 0, SCHEMA, Weighted("city")), 'no numeric field "city"'),
    ],
)
def test_wrong_settings_are_refused(make, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


def test_weights_that_are_no_weights_are_refused() -> None:
    rows = make_rows(10)
    for found, message in (
        (lambda c: -c["amount"], "of at least 0, got -0.125|of at least 0, got -1"),
        (lambda c: c["amount"][:3], r"expected \[10\], one a row, got \[3\]"),
        (lambda c: c["amount"] * np.nan, "of at least 0, got nan"),
    ):
        made = BottomK(Selection(5, 0, SCHEMA, Weighted(function=found, name="mine")), TOPICS)
        with pytest.raises(SamplerError, match=message):
            made.offer(rows)


def test_integers_and_words_are_strata() -> None:
    schema = Schema(
        (
            Field("hour", "int32", minimum=0, maximum=23),
            Field("member", "bool"),
            Field("late", "category", "label", vocabulary=("no", "yes")),
        )
    )
    assert Balanced.of(schema, "hour", shares={"23": 2}).shares == {23: 2}
    for field, value in (("hour", "24"), ("hour", "-1"), ("member", "7")):
        with pytest.raises(SettingsError, match=f'field "{field}": it never has the value'):
            Balanced.of(schema, field, shares={value: 2})
    assert Balanced.of(schema, "member", shares={"true": 2}).shares == {1: 2}
    assert Balanced.of(schema, shares={"yes": 2}).shares == {1: 2}
