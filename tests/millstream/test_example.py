"""The example that a version is registered with: rows in the form of the records."""

from __future__ import annotations

import numpy as np

from ingest import Field, Rows, Schema
from millstream.example import raw_columns

SCHEMA = Schema(
    (
        Field("amount", "float64"),
        Field("shape", "float32", length=2),
        Field("country", "category", vocabulary=("DE", "FR")),
        Field("tags", "category", vocabulary=("new",), length=2),
        Field("word", "category", buckets=10),
        Field("when", "timestamp"),
        Field("times", "int64", length=1),
        Field("y", "bool", role="label"),
    )
)


def make_rows() -> Rows:
    columns = {
        "amount": np.array([1.5, 2.0]),
        "shape": np.array([[1, 2], [3, 4]], np.float32),
        "country": np.array([2, 0], np.int32),
        "tags": np.array([[1, 0], [1, 1]], np.int32),
        "word": np.array([7, 0], np.int32),
        "when": np.array([1_500, 2**62]),
        "times": np.array([[5], [6]]),
        "y": np.array([True, False]),
    }
    zeros = np.zeros(2, np.int32)
    return Rows(("t",), zeros, zeros, np.arange(2), np.arange(2), columns)


def test_rows_are_shown_as_they_came() -> None:
    assert raw_columns(make_rows(), SCHEMA) == {
        "amount": [1.5, 2.0],
        "shape": [[1.0, 2.0], [3.0, 4.0]],
        "country": ["FR", "?"],
        "tags": [["new", "?"], ["new", "new"]],
        "word": ["?", "?"],
        "when": ["1970-01-01T00:00:01.500+00:00", 2**62],
        "times": [[5], [6]],
    }


def test_without_rows_one_is_made_up() -> None:
    assert raw_columns(Rows.empty(SCHEMA, ["t"]), SCHEMA) == {
        "amount": [0.0],
        "shape": [[0.0, 0.0]],
        "country": [""],
        "tags": [["", ""]],
        "word": [""],
        "when": ["1970-01-01T00:00:00.000+00:00"],
        "times": [[0]],
    }
