"""Schemas and rows for tests of statistics."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest import Field, Rows, Schema, Statistics
from ingest.ragged import Column, Ragged

SCHEMA = Schema(
    (
        Field("amount", "float32"),
        Field("exact", "float64"),
        Field("count", "int64"),
        Field("at", "timestamp"),
        Field("pair", "float32", length=2),
        Field("member", "bool"),
        Field("city", "category", vocabulary=("Oslo", "Bergen")),
        Field("tags", "category", buckets=5, length=3),
        Field("word", "category", grow=10),
        Field("note", "string"),
        Field("steps", "int32", length="ragged"),
        Field("late", "bool", "label"),
    )
)
NUMBERS = ("amount", "exact", "count", "at", "pair", "note", "steps")
COUNTED = {"member": 2, "city": 3, "tags": 6, "word": 11}
MIXED = Schema((Field("x", "float64"), Field("code", "category", buckets=4)))

finite = st.floats(allow_nan=False, allow_infinity=False)
ordinary = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6)


def rows_of(columns: Mapping[str, Column], first: int = 0) -> Rows:
    """Rows with these columns, one partition."""
    count = len(next(iter(columns.values())))
    zeros = np.zeros(count, np.int32)
    offsets = np.arange(first, first + count)
    return Rows(("t",), zeros, zeros, offsets, offsets, columns)


def make_rows(count: int, seed: int = 0) -> Rows:
    """Rows of `SCHEMA`."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 5, count)
    return rows_of(
        {
            "amount": random.lognormal(3, 2, count).astype(np.float32),
            "exact": random.normal(-5, 0.1, count),
            "count": random.integers(-(2**40), 2**40, count),
            "at": 1_700_000_000_000 + random.integers(0, 10**8, count),
            "pair": random.normal((1, -100), (1, 10), (count, 2)).astype(np.float32),
            "member": random.random(count) < 0.3,
            "city": random.integers(0, 3, count).astype(np.int32),
            "tags": random.integers(0, 6, (count, 3)).astype(np.int32),
            "word": random.integers(0, 11, count).astype(np.int32),
            "note": Ragged.from_lengths(np.zeros(lengths.sum(), np.uint8), lengths),
            "steps": Ragged.from_lengths(np.zeros(lengths.sum(), np.int32), lengths),
            "late": random.random(count) < 0.5,
        }
    )


def of_numbers(values: list[float], weights: NDArray[np.float64] | None = None) -> Statistics:
    """Statistics of `MIXED`; the code of a number is a function of it."""
    array = np.array(values, np.float64)
    codes = (np.abs(array).view(np.int64) % 5).astype(np.int32)
    rows = rows_of({"x": array, "code": codes})
    return Statistics.empty(MIXED).updated(rows, weights)


def text(statistics: Statistics) -> str:
    """All that is known, in the JSON of Python, which keeps each bit of a float."""
    return json.dumps(statistics.to_json(), sort_keys=True, allow_nan=False)
