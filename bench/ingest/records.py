"""The records that the topics hold: made once, repeated, and the same in every run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["CATEGORIES", "FEATURES", "KINDS", "PACKED", "Pool", "make_pool"]

DISTINCT = 200_000
SEED = 20130101
FEATURES = tuple(f"x{number}" for number in range(12))
CATEGORIES = tuple(f"c{number}" for number in range(10))
PACKED = np.dtype([*((f"x{number}", "<f4") for number in range(13)), ("y", "<i4")])
KINDS = ("json50", "json208", "packed56")


@dataclass(frozen=True)
class Pool:
    """Distinct values, and the label in each of them.

    Attributes:
        values: record i of a topic has value `i % len(values)`.
        labels: int64[n], the field y of each value.
    """

    values: Sequence[bytes]
    labels: np.ndarray

    def label_sum(self, records: int) -> int:
        """The sum of the labels of the first so many records."""
        rounds, rest = divmod(records, len(self.values))
        return int(rounds * self.labels.sum() + self.labels[:rest].sum())

    def byte_sum(self, records: int) -> int:
        """The bytes of the values of the first so many records."""
        sizes = np.array([len(value) for value in self.values])
        rounds, rest = divmod(records, len(sizes))
        return int(rounds * sizes.sum() + sizes[:rest].sum())


def make_pool(kind: str, records: int) -> Pool:
    """The values of one of the `KINDS`: 50 and 208 bytes of JSON, or 56 bytes of packed fields."""
    count = min(records, DISTINCT)
    draw = np.random.default_rng(SEED)
    labels = draw.integers(0, 2, count)
    if kind == "packed56":
        rows = np.zeros(count, PACKED)
        for name in PACKED.names[:-1]:
            rows[name] = draw.normal(size=count)
        rows["y"] = labels
        return Pool([row.tobytes() for row in rows], labels)
    numbers = draw.normal(size=(count, len(FEATURES))).round(5).tolist()
    categories = draw.choice(CATEGORIES, count).tolist()
    make = _small if kind == "json50" else _large
    rows = zip(range(count), numbers, categories, labels.tolist(), strict=True)
    return Pool([json.dumps(make(*row)).encode() for row in rows], labels)


def _small(number: int, numbers: list[float], _: str, label: int) -> dict[str, object]:
    return {"user_id": 100_000_000 + number, "amount": round(100 + numbers[0], 5), "y": label}


def _large(_: int, numbers: list[float], category: str, label: int) -> dict[str, object]:
    return {**dict(zip(FEATURES, numbers, strict=True)), "cat": category, "y": label}
