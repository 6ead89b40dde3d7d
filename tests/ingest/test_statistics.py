"""Running statistics: what they are of each kind of field, and what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ingest import Field, Rows, Schema, Statistics, StatisticsError
from ingest.statistics import numbers
from ingest.statistics.quantiles import RELATIVE_ERROR

from .statistics_samples import (
    COUNTED,
    MIXED,
    NUMBERS,
    SCHEMA,
    make_rows,
    of_numbers,
    rows_of,
    text,
)


@pytest.fixture(scope="module")
def rows() -> Rows:
    return make_rows(3000)


@pytest.fixture(scope="module")
def known(rows: Rows) -> Statistics:
    return Statistics.empty(SCHEMA).updated(rows)


@pytest.mark.parametrize("name", ["amount", "exact", "count", "at", "pair"])
def test_numbers_have_moments_extremes_and_quantiles(rows, known, name: str) -> None:
    column = np.asarray(rows.columns[name], np.float64)
    np.testing.assert_allclose(known.mean(name), column.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(known.variance(name), column.var(axis=0), rtol=1e-12)
    np.testing.assert_allclose(known.std(name), column.std(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(known.minimum(name), column.min(axis=0))
    np.testing.assert_array_equal(known.maximum(name), column.max(axis=0))
    shares = np.linspace(0, 1, 101)
    true = np.quantile(column, shares, method="inverted_cdf")
    np.testing.assert_allclose(known.quantile(name, shares), true, rtol=RELATIVE_ERROR)
    assert known.quantile(name, 0.5).shape == ()


@pytest.mark.parametrize("name", ["note", "steps"])
def test_texts_and_ragged_lists_have_the_statistics_of_their_lengths(rows, known, name) -> None:
    lengths = rows.columns[name].lengths
    assert known.mean(name) == pytest.approx(lengths.mean())
    assert known.variance(name) == pytest.approx(lengths.var())
    assert known.quantile(name, 1) == lengths.max()


@pytest.mark.parametrize(("name", "size"), COUNTED.items())
def test_categories_and_booleans_have_counts(rows, known, name: str, size: int) -> None:
    column = np.asarray(rows.columns[name]).reshape(-1).astype(np.int64)
    np.testing.assert_array_equal(known.counts(name), np.bincount(column, minlength=size))


def test_of_no_rows_normalising_changes_nothing() -> None:
    empty = Statistics.empty(SCHEMA)
    for name in NUMBERS:
        shape = (2,) if name == "pair" else ()
        np.testing.assert_array_equal(empty.mean(name), np.zeros(shape))
        np.testing.assert_array_equal(empty.variance(name), np.ones(shape))
        with pytest.raises(StatisticsError, match="no row was seen yet"):
            empty.quantile(name, 0.5)
    for name, size in COUNTED.items():
        np.testing.assert_array_equal(empty.counts(name), np.zeros(size))
    assert text(empty.updated(make_rows(0))) == text(empty)
    assert empty.numeric == ("amount", "exact", "count", "at", "pair")


def test_long_lists_are_pooled_and_short_ones_are_not(monkeypatch) -> None:
    monkeypatch.setattr(numbers, "LONGEST", 4)
    schema = Schema((Field("short", "float32", length=4), Field("long", "float32", length=5)))
    random = np.random.default_rng(1)
    columns = {
        "short": random.normal(size=(50, 4)).astype(np.float32),
        "long": random.normal(size=(50, 5)).astype(np.float32),
    }
    weights = random.integers(0, 3, 50).astype(np.float64)
    found = Statistics.empty(schema).updated(rows_of(columns), weights)
    repeated = np.repeat(columns["long"], weights.astype(int), axis=0).astype(np.float64)
    assert found.mean("short").shape == (4,)
    assert found.mean("long").shape == ()
    assert found.mean("long") == pytest.approx(repeated.mean(), rel=1e-12)
    assert found.variance("long") == pytest.approx(repeated.var(), rel=1e-12)
    assert found.maximum("long") == repeated.max()


def test_columns_are_looked_at_in_pieces(rows, known, monkeypatch) -> None:
    monkeypatch.setattr(numbers, "CHUNK", 100)
    cut = Statistics.empty(SCHEMA).updated(rows)
    for name in NUMBERS:
        np.testing.assert_allclose(cut.mean(name), known.mean(name), rtol=1e-12)
        np.testing.assert_allclose(cut.variance(name), known.variance(name), rtol=1e-9)
        np.testing.assert_array_equal(cut.quantile(name, 0.3), known.quantile(name, 0.3))


def test_the_past_fades() -> None:
    old = rows_of({"x": np.array([0.5, 1.5] * 50), "code": np.full(100, 1, np.int32)})
    later = rows_of({"x": np.full(100, 3.0), "code": np.full(100, 2, np.int32)})
    before = of_numbers([]).updated(old)
    faded = before.updated(later, decay=0.5)
    assert faded.mean("x") == pytest.approx((50 * 1 + 100 * 3) / 150)
    assert faded.variance("x") == pytest.approx(50 * 0.25 / 150 + 4 * 50 * 100 / 150**2)
    assert faded.counts("code").tolist() == [0, 50, 100, 0, 0]
    assert faded.quantile("x", [0.1, 0.3, 0.4]) == pytest.approx([0.5, 1.5, 3], rel=RELATIVE_ERROR)
    assert (faded.rows, faded.weight) == (200, 150.0)
    for _ in range(100):
        faded = faded.updated(later, decay=0.5)
    assert faded.counts("code").tolist() == [0, 0, pytest.approx(200), 0, 0]
    assert len(faded.parts["code"].numbers) == len(faded.parts["x"].sketch.buckets.numbers) == 1
    assert (faded.minimum("x"), faded.mean("x")) == (0.5, pytest.approx(3))
    assert text(before.updated(later, decay=0.0)) == text(of_numbers([]).updated(later))


def test_quantiles_are_never_beyond_the_extremes() -> None:
    found = of_numbers([1.01, 1.01, 1.0101])
    assert found.quantile("x", [0, 0.1, 0.5, 0.9, 1]).tolist() == [*[1.01] * 4, 1.0101]
    assert RELATIVE_ERROR == 0.0078125


def test_each_element_of_a_list_weighs_what_its_row_does() -> None:
    rows = make_rows(20)
    weights = np.arange(20.0)
    found = Statistics.empty(SCHEMA).updated(rows, weights)
    tags = np.repeat(np.asarray(rows.columns["tags"]), weights.astype(int), axis=0)
    expected = np.bincount(tags.reshape(-1), minlength=6)
    np.testing.assert_array_equal(found.counts("tags"), expected)


def test_statistics_are_values(rows) -> None:
    empty = Statistics.empty(SCHEMA)
    before = text(empty)
    once = empty.updated(rows)
    seen = text(once)
    once.updated(make_rows(10, seed=3)).merged(once)
    assert (text(empty), text(once)) == (before, seen)


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (lambda s: s.mean("amuont"), 'no feature "amuont"; there are: amount'),
        (lambda s: s.mean("late"), 'no feature "late"'),
        (lambda s: s.mean("city"), 'feature "city": it has counts, no mean'),
        (lambda s: s.quantile("member", 0.5), "it has counts"),
        (lambda s: s.counts("amount"), 'feature "amount": it has a mean and quantiles, no counts'),
        (lambda s: s.quantile("amount", 1.5), "expected shares from 0 to 1, got 1.5"),
        (lambda s: s.updated(make_rows(2), np.ones(3)), r"expected weights\[2\]"),
        (lambda s: s.updated(make_rows(2), np.array([1.0, -1.0])), "at least 0"),
        (lambda s: s.updated(make_rows(2), np.array([1.0, np.nan])), "finite"),
        (lambda s: s.updated(make_rows(2), decay=1.5), "expected a decay from 0 to 1, got 1.5"),
        (lambda s: s.merged(of_numbers([1.0])), "different schemas"),
    ],
)
def test_questions_without_an_answer_are_refused(known, ask, reason: str) -> None:
    with pytest.raises(StatisticsError, match=reason):
        ask(known)


def test_columns_of_another_kind_are_refused(rows, known) -> None:
    words = {**rows.columns, "word": rows.columns["note"]}
    with pytest.raises(StatisticsError, match=r'"word".*a ragged one; words .* are encoded first'):
        known.updated(replace(rows, columns=words))
    without = {name: column for name, column in rows.columns.items() if name != "amount"}
    with pytest.raises(StatisticsError, match=r'"amount": expected a column .3000., got none'):
        known.updated(replace(rows, columns=without))
    flat = {**rows.columns, "pair": rows.columns["amount"]}
    with pytest.raises(StatisticsError, match=r'"pair": expected a column .3000, 2., got \(3000,'):
        known.updated(replace(rows, columns=flat))


def damaged(**changed: object) -> dict[str, object]:
    value = json.loads(text(of_numbers([1.0, 2.0, -3.0])))
    moments = value["features"]["x"]["moments"]
    sketch, codes = value["features"]["x"]["sketch"], value["features"]["code"]
    for key, new in changed.items():
        for part in (value, moments, sketch, codes):
            if key in part and key != "weight":
                part[key] = new
    return value


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"format": 2},
        damaged(format=2),
        damaged(schema="0" * 64),
        damaged(features={}),
        damaged(features=[]),
        damaged(rows=-1),
        damaged(mean=[1.0]),
        damaged(mean=float("nan")),
        damaged(squares=-1.0),
        damaged(numbers=[1, 1, 2]),
        damaged(numbers=[3, 2, 1]),
        damaged(numbers=[10**9]),
        damaged(weights=[1.0]),
        damaged(weights="x"),
        damaged(weights=[0.0, 0.0, 0.0]),
    ],
)
def test_a_state_that_is_none_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(StatisticsError):
        Statistics.from_json(value, MIXED)


def test_an_undamaged_state_is_read() -> None:
    assert text(Statistics.from_json(damaged(), MIXED)) == text(of_numbers([1.0, 2.0, -3.0]))


def test_a_state_of_another_schema_names_both() -> None:
    state = Statistics.empty(SCHEMA).to_json()
    mine, other = MIXED.fingerprint()[:12], SCHEMA.fingerprint()[:12]
    with pytest.raises(StatisticsError, match=f"expected those of the schema {mine}.*{other}"):
        Statistics.from_json(state, MIXED)
