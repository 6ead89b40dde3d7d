"""Statistics with fixed seeds; each test fails by chance for 1 in 10,000 choices of seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ingest import BottomK, Rows, Selection
from ingest.errors import SamplerError, SettingsError
from ingest.sampling import Uniform, Weighted
from ingest.sampling.checks import check_sampler
from tests.ingest.samples import SCHEMA, TOPICS, make_rows

CHANCE = 1e-4


def sampler(capacity=20, seed=1, weight=None):
    weighting = Weighted(weight) if weight else Uniform()
    return BottomK(Selection(capacity, seed, SCHEMA, weighting), TOPICS)


def sampled(rows, **settings):
    made = sampler(**settings)
    made.offer(rows)
    return made.sample()


def names(rows):
    return {tuple(identity.tolist()) for identity in rows.identities()}


@pytest.mark.parametrize("weight", [None, "weight"])
@pytest.mark.parametrize("capacity", [1, 20, 199, 200, 500])
def test_conformance(capacity, weight):
    check_sampler(lambda: sampler(capacity, weight=weight), make_rows(200), capacity)


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(0, 120), st.integers(0, 120), st.integers(0, 2**62))
def test_merge_of_overlapping_samples_is_the_sample_of_both(capacity, left, right, seed):
    rows = make_rows(150)
    one, two = rows.take(np.arange(left)), rows.take(np.arange(150 - right, 150))
    a, b, both = (sampler(capacity, seed) for _ in range(3))
    a.offer(one)
    b.offer(two)
    both.offer(Rows.concat([one, two]))
    a.merge(b)
    assert a.sample() == both.sample()
    assert len(a.sample()) == min(capacity, len(names(one) | names(two)))


def test_each_row_is_in_the_sample_equally_often():
    """4,000 seeds, 60 rows, 15 of them sampled: chi-square over the rows."""
    rows, seeds, capacity = make_rows(60), 4_000, 15
    found = np.zeros(60)
    for seed in range(seeds):
        found[sampled(rows, capacity=capacity, seed=seed).columns["count"]] += 1
    assert found.sum() == seeds * capacity
    # Without replacement the variance of a count is smaller than Poisson's by 1 - capacity / rows.
    expected = seeds * capacity / 60
    statistic = ((found - expected) ** 2).sum() / (expected * (1 - capacity / 60)) * 59 / 60
    assert CHANCE / 2 < stats.chi2.sf(statistic, 59) < 1 - CHANCE / 2


def test_each_pair_is_in_the_sample_equally_often():
    """6,000 seeds, 6 rows, pairs of them: chi-square over the 15 possible samples."""
    rows, found = make_rows(6), {}
    for seed in range(6_000):
        chosen = tuple(sampled(rows, capacity=2, seed=seed).columns["count"].tolist())
        found[tuple(sorted(chosen))] = found.get(tuple(sorted(chosen)), 0) + 1
    assert len(found) == 15
    assert stats.chisquare(list(found.values())).pvalue > CHANCE


@pytest.mark.parametrize("seed", range(3))
def test_where_a_row_stands_does_not_matter(seed):
    """One sample of 5,000 from 50,000: their offsets are uniform over the stream."""
    rows = make_rows(50_000)
    places = sampled(rows, capacity=5_000, seed=seed).timestamp - 1_000
    found = np.histogram(places, bins=50, range=(0, 50_000))[0]
    statistic = stats.chisquare(found).statistic / 0.9
    assert CHANCE / 2 < stats.chi2.sf(statistic, 49) < 1 - CHANCE / 2


def test_weights_are_chances_of_the_first_draw():
    """A sample of 1 from weights 1 to 4: P(row) is its share of the weights."""
    rows = make_rows(4)
    found = np.zeros(4)
    for seed in range(8_000):
        found[sampled(rows, capacity=1, seed=seed, weight="weight").columns["count"][0]] += 1
    assert stats.chisquare(found, 8_000 * np.array([1, 2, 3, 4]) / 10).pvalue > CHANCE


def test_rows_of_weight_0_never_enter():
    rows = make_rows(100)
    rows.columns["weight"][:60] = 0
    chosen = sampled(rows, capacity=80, weight="weight")
    assert len(chosen) == 40
    assert (chosen.columns["weight"] > 0).all()


def test_memory_is_bounded_by_the_capacity():
    made = sampler(100)
    for part in range(200):
        made.offer(make_rows(500, first=part * 500))
        assert sum(len(rows) for rows in made._parts) <= 200
    assert (len(made), made.seen) == (100, 100_000)


def test_a_sample_without_rows_has_the_schema():
    assert sampler().sample() == Rows.empty(SCHEMA, TOPICS)
    assert len(sampler()) == 0


def test_two_samplers_of_one_seed_agree_on_other_topics():
    alone = make_rows(50, topics=("b",))
    beside = Rows.concat([alone, Rows.empty(SCHEMA, ("a",))])
    assert names(sampled(alone)) == {(0, p, o) for _, p, o in names(sampled(beside))}


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ({"capacity": 21}, "expected capacity 20, got 21"),
        ({"seed": 2}, "expected seed 1, got 2"),
        ({"weight": "weight"}, "expected weighting 'uniform', got 'weighted'"),
    ],
)
def test_samples_of_other_settings_are_refused(theirs, message):
    other = sampler(**{"capacity": 20, "seed": 1, **theirs})
    other.offer(make_rows(10))
    for act in (lambda s: s.merge(other), lambda s: s.set_state(other.get_state())):
        mine = sampler()
        mine.offer(make_rows(5))
        before = mine.sample()
        with pytest.raises(SamplerError, match=message):
            act(mine)
        assert mine.sample() == before


def test_a_wrong_setting_is_refused():
    with pytest.raises(SettingsError, match="at least 1, got 0"):
        sampler(0)
    for weight in ("nothing", "member", "city"):
        with pytest.raises(SettingsError, match=f'no numeric field "{weight}"'):
            sampler(weight=weight)
