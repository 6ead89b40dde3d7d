"""Conformance checks of a sampler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingest.rows import Rows
from ingest.sampling.sampler import Sampler

__all__ = ["check_sampler", "check_sampler_uniform", "check_sampler_weights"]

CHANCE = 1e-4


def check_sampler(
    make_sampler: Callable[[], Sampler], rows: Rows, capacity: int, spare: int = 1
) -> None:
    """Prove what `Sampler` promises: order, cuts, repeats, merges and restores change nothing.

    And that what it has to remember is bounded, and that a record that is no candidate never
    becomes one again.

    Args:
        make_sampler: makes an empty sampler, always with the same settings.
        rows: what is offered; at least two, no identity twice.
        capacity: most rows that a sample may have.
        spare: rows that a state may hold beside them, such as one of each stratum.
    """
    for few in (0, 1, 2):
        _check_cuts(make_sampler, rows.take(np.arange(few)), capacity)
    whole = _check_cuts(make_sampler, rows, capacity)
    _check_candidates(make_sampler, np.array_split(_shuffled(rows), 7), rows, whole)
    _check_merge(make_sampler, rows, whole)
    parts = [rows.take(part) for part in np.array_split(_shuffled(rows), 9)]
    _check_state(make_sampler, parts, whole, capacity + spare)


def check_sampler_uniform(
    make_sampler: Callable[[int], Sampler], rows: Rows, seeds: int = 2000
) -> None:
    """Prove that each row is sampled equally often: chi-square over many seeds.

    An error is raised by chance for less than 1 in 10,000 choices of the seeds.

    Args:
        make_sampler: makes an empty sampler of a seed, of fewer rows than are offered.
        rows: what is offered, more than one.
        seeds: 0 to seeds - 1 are tried.
    """
    from scipy.stats import chi2

    found = np.zeros(len(rows))
    places = {name: place for place, name in enumerate(_names(rows))}
    for seed in range(seeds):
        sampler = make_sampler(seed)
        sampler.offer(rows)
        found[[places[name] for name in _names(sampler.sample())]] += 1
    share = found.sum() / (seeds * len(rows))
    _require(0 < share < 1, "samples of some of the rows, not of all or none")
    # Without replacement the variance of a count is smaller than Poisson's by 1 - share.
    expected, degrees = seeds * share, len(rows) - 1
    statistic = ((found - expected) ** 2).sum() / (expected * (1 - share)) * degrees / len(rows)
    chance = float(chi2.sf(statistic, degrees))
    _require(chance > CHANCE, f"rows that are sampled equally often, got a chance of {chance:.2g}")


def check_sampler_weights(
    make_sampler: Callable[[int], Sampler], rows: Rows, seeds: int = 400
) -> None:
    """Prove that the weights of samples make estimates over the stream unbiased.

    For each row, 1 if it is sampled times its weight has 1 as its expectation; the mean over the
    seeds is tested for each row, and for sums of rows. An error is raised by chance for less than
    1 in 10,000 choices of the seeds.

    Args:
        make_sampler: makes an empty sampler of a seed.
        rows: what is offered; all of them must be able to enter.
        seeds: 0 to seeds - 1 are tried.
    """
    found = np.zeros((seeds, len(rows)))
    places = {name: place for place, name in enumerate(_names(rows))}
    for seed in range(seeds):
        sampler = make_sampler(seed)
        for part in np.array_split(np.arange(len(rows)), 3):
            sampler.offer(rows.take(part))
        where = [places[name] for name in _names(sampler.sample())]
        found[seed, where] = sampler.weights()
    _require(bool((found[found > 0] >= 1 - 1e-12).all()), "no weight below 1")
    number = np.arange(len(rows))
    sums = [np.ones(len(rows)), number % 2, number % 3 == 0, number < len(rows) / 4, number]
    for factors in [*np.eye(len(rows)), *sums]:
        _check_mean(found @ factors, float(factors.sum()), CHANCE / (len(rows) + len(sums)))


def _check_mean(values: Any, expected: float, chance: float) -> None:
    """Raise if the mean of independent values is too far from what it should be."""
    from math import erfc, sqrt

    error = float(values.std(ddof=1)) / sqrt(len(values))
    if error == 0:
        _require(abs(values[0] - expected) < 1e-6 * max(1.0, expected), "an unbiased estimate")
        return
    distance = abs(float(values.mean()) - expected) / error
    # The values are skewed, so the normal law holds roughly: a little more distance is allowed.
    _require(
        erfc(distance / 1.15 / sqrt(2)) > chance,
        f"an estimate of {expected:g}, got {values.mean():g}, {distance:.1f} standard errors off",
    )


def _check_cuts(make_sampler: Callable[[], Sampler], rows: Rows, capacity: int) -> Rows:
    whole, weights = _sampled(make_sampler, [rows])
    _require(whole == whole.sorted_by_identity(), "a sample sorted by identity")
    _require(len(whole) <= capacity, "no more rows than the capacity")
    _require(set(_names(whole)) <= set(_names(rows)), "only rows that were offered")
    _require(weights.shape == (len(whole),), "a weight for each row of the sample")
    _require(bool(np.isfinite(weights).all()), "finite weights")
    order = _shuffled(rows)
    for pieces in {1, 2, 7, len(rows)} - {0}:
        parts = [rows.take(part) for part in np.array_split(order, pieces)]
        same = _same(_sampled(make_sampler, parts), (whole, weights))
        _require(same, f"the same sample and weights from {pieces} offers")
    twice = [rows, rows.take(order)]
    same = _same(_sampled(make_sampler, twice), (whole, weights))
    _require(same, "a repeated row to count once")
    return whole


def _sampled(make_sampler: Callable[[], Sampler], parts: Sequence[Rows]) -> tuple[Rows, Any]:
    sampler = make_sampler()
    for part in parts:
        before = part.take(np.arange(len(part)))
        sampler.offer(part)
        _require(part == before, "rows that are offered to stay as they are")
    return sampler.sample(), sampler.weights()


def _same(one: tuple[Rows, Any], other: tuple[Rows, Any]) -> bool:
    return one[0] == other[0] and np.array_equal(one[1], other[1])


def _check_candidates(
    make_sampler: Callable[[], Sampler], cut: Sequence[Any], rows: Rows, whole: Rows
) -> None:
    """Who is no candidate is never in the sample, and need not be offered."""
    sampler = make_sampler()
    for part in cut:
        offered = rows.take(part)
        could = _candidates(sampler, offered)
        sampler.offer(offered.take(np.flatnonzero(could)))
        again = _candidates(sampler, offered)
        _require(not (again & ~could).any(), "who is no candidate never to become one again")
    _require(sampler.sample() == whole, "the same sample when only candidates are offered")
    left = rows.take(np.flatnonzero(~_candidates(sampler, rows)))
    _require(not set(_names(left)) & set(_names(whole)), "who is in the sample to be a candidate")


def _candidates(sampler: Sampler, rows: Rows) -> Any:
    could = np.zeros(len(rows), np.bool_)
    for topic, partition in {(int(t), int(p)) for t, p, _ in _names(rows)}:
        there = np.flatnonzero((rows.topic == topic) & (rows.partition == partition))
        name, times = rows.topics[topic], rows.timestamp[there]
        could[there] = sampler.candidates(name, partition, rows.offset[there], times)
    return could


def _check_merge(make_sampler: Callable[[], Sampler], rows: Rows, whole: Rows) -> None:
    weights = _sampled(make_sampler, [rows])[1]
    for place in (0, 1, len(rows) // 2, len(rows)):
        left, right = make_sampler(), make_sampler()
        left.offer(rows.take(np.arange(place)))
        right.offer(rows.take(np.arange(place, len(rows))))
        alone = right.sample()
        left.merge(right)
        _require(left.sample() == whole, "merge of the samples of A and B == sample of both")
        _require(np.array_equal(left.weights(), weights), "merge to have the weights of both")
        _require(left.get_state().seen == len(rows), "merge to add up the rows seen")
        _require(right.sample() == alone, "the merged sampler to stay as it is")


def _check_state(
    make_sampler: Callable[[], Sampler], parts: Sequence[Rows], whole: Rows, most: int
) -> None:
    states = [make_sampler().get_state()]
    sampler = make_sampler()
    for part in parts:
        sampler.offer(part)
        states.append(sampler.get_state())
    for place, state in enumerate(states):
        _require(len(state.rows) <= most, f"a state of at most {most} rows, got {len(state.rows)}")
        restored = make_sampler()
        restored.offer(parts[0])
        restored.set_state(state)
        _require(restored.get_state().rows == state.rows, "a state to come back as it was")
        for part in parts[place:]:
            restored.offer(part)
        _require(restored.sample() == whole, f"the same sample from the state after {place} offers")
        _require(np.array_equal(restored.weights(), sampler.weights()), "the weights restored")
        _require(restored.get_state().seen == states[-1].seen, "the count of rows seen restored")


def _shuffled(rows: Rows) -> Any:
    return np.random.default_rng(0).permutation(len(rows))


def _names(rows: Rows) -> list[tuple[Any, ...]]:
    return [tuple(identity.tolist()) for identity in rows.identities()]


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(f"expected {what}")
