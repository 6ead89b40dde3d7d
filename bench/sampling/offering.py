"""Offering a column of records to a sample that is full, beside what people do today."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from bench.sampling.race import Contestant, print_table, race
from bench.sampling.stream import (
    CAPACITY,
    COLUMN,
    FILLED,
    SCHEMA,
    TOPIC,
    filled,
    rows_at,
    timestamps_at,
)
from ingest import Balanced, BottomK, Recent, Stratified, Uniform, Weighted

__all__ = ["offering"]

RIVER = "river's RandomUnderSampler"
EARLY = {"uniform": Uniform(), "recent": Recent(seconds=36_000)}
LATE = {
    "weighted": (Weighted("weight"), None),
    "balanced": (Uniform(), Balanced.of(SCHEMA)),
    "stratified": (Uniform(), Stratified.of(SCHEMA, "city", 100)),
}


def offering(repeats: int, records: int = FILLED, column: int = COLUMN) -> dict[str, float]:
    """Measure, print, and give the numbers."""
    offsets = np.arange(records, records + column, dtype=np.int64)
    ours = [_early(name, offsets, records) for name in EARLY]
    rates = race([*ours, *_peers(records, column)], repeats)
    _print("Records whose identity decides: a column that is not decoded", rates)
    rows = rows_at(offsets)
    river = Contestant(RIVER, lambda: _river(column // 20), column // 20)
    late = race([*(_late(name, rows, records) for name in LATE), river], repeats)
    _print("Records whose values decide: rows that are decoded", late)
    slowest = min(rates[name] for name in EARLY)
    return {
        "offer_keys_per_s": slowest,
        **{f"{name}_keys_per_s": rates[name] for name in EARLY},
        **{f"{name}_rows_per_s": late[name] for name in LATE},
        "offer_vs_numpy": slowest / rates["Algorithm R, numpy"],
        "offer_vs_python": slowest / rates["Algorithm R, Python"],
        "balanced_vs_river": late["balanced"] / late[RIVER],
    }


def _print(title: str, rates: dict[str, float]) -> None:
    shown = {n: [f"{r:,.0f}", f"{1e9 / r:,.2f}"] for n, r in rates.items()}
    print_table(title, ["", "records/s", "ns a record"], shown)


def _early(name: str, offsets: np.ndarray, records: int) -> Contestant:
    """The whole of what an intake does: candidates of the column, and these alone are offered."""
    full = filled(EARLY[name], records=records)
    state, times = full.get_state(), timestamps_at(offsets)

    def prepare() -> Callable[[], int]:
        sampler = BottomK(full.selection, (TOPIC,))
        sampler.set_state(state)
        sampler.compact()

        def lap() -> int:
            could = sampler.candidates(TOPIC, 0, offsets, times)
            sampler.offer(rows_at(offsets[could]))
            return int(could.sum())

        return lap

    return Contestant(name, prepare, len(offsets))


def _late(name: str, rows: object, records: int) -> Contestant:
    # To fill these with so many is slow, and what counts is that they are full.
    full = filled(*LATE[name], records=min(records, 10 * CAPACITY))
    state = full.get_state()

    def prepare() -> Callable[[], int]:
        sampler = BottomK(full.selection, (TOPIC,))
        sampler.set_state(state)
        sampler.compact()

        def lap() -> int:
            sampler.offer(rows)
            return len(sampler)

        return lap

    return Contestant(name, prepare, len(rows))


class Counter:
    """What river's sampler passes records on to: it only counts them."""

    def __init__(self) -> None:
        self.count = 0

    def learn_one(self, _x: object, _y: object) -> None:
        """One more."""
        self.count += 1


def _river(count: int) -> Callable[[], int]:
    """As many rows of each class as of the others, a dictionary at a time."""
    from river.imblearn import RandomUnderSampler

    rows = rows_at(np.arange(count))
    names = ("x", "weight", "city")
    values = zip(*(rows.columns[name].tolist() for name in names), strict=True)
    records = [dict(zip(names, row, strict=True)) for row in values]
    pairs = list(zip(records, rows.columns["late"].tolist(), strict=True))
    counter = Counter()
    sampler = RandomUnderSampler(counter, desired_dist={True: 0.5, False: 0.5}, seed=1)

    def lap() -> int:
        for record, late in pairs:
            sampler.learn_one(record, late)
        return counter.count

    return lap


def _peers(records: int, column: int) -> list[Contestant]:
    return [
        Contestant("Algorithm R, numpy", lambda: _numpy_r(records, column), column),
        Contestant("Algorithm R, Python", lambda: _python_r(records, column // 10), column // 10),
    ]


def _numpy_r(seen: int, column: int) -> Callable[[], int]:
    """Vitter's Algorithm R [1985] over a column: a random place for each record."""
    rng, reservoir = np.random.default_rng(1), np.arange(CAPACITY)
    offsets, place = np.arange(seen, seen + column), np.arange(seen + 1, seen + column + 1)

    def lap() -> int:
        at = (rng.random(column) * place).astype(np.int64)
        entering = np.flatnonzero(at < CAPACITY)
        reservoir[at[entering]] = offsets[entering]
        return len(entering)

    return lap


def _python_r(seen: int, column: int) -> Callable[[], int]:
    """The same a record at a time, as a consumer's loop has it."""
    rng, reservoir = random.Random(1), list(range(CAPACITY))

    def lap() -> int:
        entered = 0
        for offset in range(seen, seen + column):
            at = int(rng.random() * (offset + 1))
            if at < CAPACITY:
                reservoir[at] = offset
                entered += 1
        return entered

    return lap
