"""Loan applications whose rule of approval changes: Agrawal's generator, from river.

Synthetic data [Agrawal, Imielinski & Swami, "Database mining: a performance perspective", 1993].
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
from river.datasets import synth

from examples.arrays import as_rows
from ingest import Field, Rows, Schema

__all__ = ["RANGES", "SCHEMA", "rounds_of"]

RANGES = {
    "salary": 150_000,
    "commission": 75_000,
    "age": 80,
    "elevel": 4,
    "car": 20,
    "zipcode": 9,
    "hvalue": 1_350_000,
    "hyears": 30,
    "loan": 500_000,
}
SCHEMA = Schema(
    (Field("applicant", "float32", length=len(RANGES)), Field("approved", "bool", "label"))
)
BEFORE, AFTER = 0, 4
"""The generator's rules: by age alone; by age, salary and loan."""


def rounds_of(seed: int, count: int, size: int, drift_at: int) -> Iterator[Rows]:
    """Rows of each round; from round `drift_at` on another rule holds."""
    before = synth.Agrawal(BEFORE, seed=seed, perturbation=0.05)
    after = synth.Agrawal(AFTER, seed=seed + 1, perturbation=0.05)
    records = chain(before.take(drift_at * size), after.take((count - drift_at) * size))
    ranges = np.array(list(RANGES.values()), np.float32)
    for number in range(count):
        taken = [next(records) for _ in range(size)]
        values = np.array([[x[name] for name in RANGES] for x, _ in taken], np.float32)
        approved = np.array([bool(y) for _, y in taken])
        yield as_rows({"applicant": values / ranges, "approved": approved}, number * size)
