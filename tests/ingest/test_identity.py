"""Statistics with fixed seeds; each test fails by chance for 1 in 10,000 choices of seed."""

import hashlib
import json

import numpy as np
import pytest
from scipy import stats

from ingest import hash64, unit

CHANCE = 1e-4


def bits(seed=1, purpose="sample", topics=("a",), topic=0, partition=0, offset=None, epoch=0):
    places = np.arange(50_000) if offset is None else offset
    return hash64(seed, purpose, topics, topic, partition, places, epoch=epoch)


def test_values_never_change():
    found = hash64(7, "split", ("a", "b"), [0, 1, 1], [0, 0, 3], [0, 12, 2**40], epoch=2)
    assert found.tolist() == [6992981448928983809, 11538195564309514731, 3575890422593906068]
    assert found.dtype == np.uint64


def test_it_is_splitmix64_started_by_blake2b():
    def mix(state):
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        state = (state ^ state >> 27) * 0x94D049BB133111EB % 2**64
        return state ^ state >> 31

    golden = 0x9E3779B97F4A7C15
    text = json.dumps([7, "sample", "ø", 3]).encode()
    base = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    for partition, offset in [(0, 0), (5, 123), (9, 2**62)]:
        start = mix((base + partition * golden) % 2**64)
        expected = mix((start + (offset + 1) * golden) % 2**64)
        assert hash64(7, "sample", ["ø"], 0, partition, offset, epoch=3).tolist() == [expected]


def test_every_part_of_the_identity_counts():
    variants = [
        bits(),
        bits(seed=2),
        bits(purpose="split"),
        bits(purpose="shuffle"),
        bits(topics=("b",)),
        bits(partition=1),
        bits(epoch=1),
        bits(offset=np.arange(50_000) + 50_000),
    ]
    assert len(np.unique(np.concatenate(variants))) == 8 * 50_000


def test_the_name_of_the_topic_counts_and_not_its_index():
    assert np.array_equal(bits(topics=("a",)), bits(topics=("z", "a"), topic=1))


def test_one_record_at_a_time_gives_the_same():
    whole = bits(offset=np.arange(40))
    assert [int(bits(offset=np.array([o]))[0]) for o in range(40)] == whole.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_units_are_uniform_and_open(seed):
    found = unit(bits(seed=seed))
    assert stats.kstest(found, "uniform").pvalue > CHANCE
    edge = unit(np.array([0, 2**64 - 1], np.uint64))
    assert 0 < edge[0] < edge[1] < 1


@pytest.mark.parametrize(
    "other", [{"purpose": "split"}, {"partition": 1}, {"epoch": 1}, {"seed": 2}, {"topics": ("b",)}]
)
def test_different_purposes_are_independent(other):
    one, two = unit(bits()), unit(bits(**other))
    table, _, _ = np.histogram2d(one, two, bins=8, range=[[0, 1], [0, 1]])
    assert stats.chi2_contingency(table).pvalue > CHANCE


def test_neighbours_are_independent():
    found = unit(bits())
    table, _, _ = np.histogram2d(found[:-1], found[1:], bins=8, range=[[0, 1], [0, 1]])
    assert stats.chi2_contingency(table).pvalue > CHANCE


def test_each_bit_is_fair():
    ones = ((bits()[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)).sum(axis=0)
    assert min(stats.binomtest(int(n), 50_000).pvalue for n in ones) * 64 > CHANCE
