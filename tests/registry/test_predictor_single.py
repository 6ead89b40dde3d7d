"""The short way of one record gives what the long way gives, or leaves the record to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from keras_models import Sample
from test_predictor import RAW

from registry.predictor import InputError, RecordModel, encode
from registry.predictor.single import SingleRecord

FIELDS: list[dict[str, Any]] = [
    {"name": "delay", "dtype": "float32"},
    {"name": "wide", "dtype": "float64"},
    {"name": "hour", "dtype": "int32"},
    {"name": "small", "dtype": "int8", "default": 3},
    {"name": "weekend", "dtype": "bool"},
    {"name": "carrier", "dtype": "category", "vocabulary": ["UA", "AA"], "buckets": 0},
    {"name": "dest", "dtype": "category", "vocabulary": [], "buckets": 30, "default": "BOS"},
    {"name": "when", "dtype": "timestamp"},
    {"name": "shape", "dtype": "float32", "length": 3},
    {"name": "words", "dtype": "category", "vocabulary": ["a", "b"], "length": 2},
    {"name": "one", "dtype": "int64", "length": 1, "default": 7},
]
BY_NAME = {field["name"]: field for field in FIELDS}
TYPES = {"category": np.int32, "timestamp": np.int64}


class Recorder:
    """Stands where LiteRT is, and keeps what it was given."""

    def one_row(self) -> dict[str, np.ndarray]:
        return {
            f["name"]: np.zeros((1, f.get("length") or 1), TYPES.get(f["dtype"], f["dtype"]))
            for f in FIELDS
        }

    def run(self, arrays: list[np.ndarray], shapes: Any) -> list[np.ndarray]:
        return [array.copy() for array in arrays]


SINGLE = SingleRecord(BY_NAME, Recorder())
NUMBERS = st.one_of(
    st.floats(),
    st.integers(),
    st.sampled_from([0, 2**24 + 1, 2**53 + 1, 2**31, -(2**31), 128, 3.4028235e38, 3.5e38, 1.5]),
    st.floats(width=32).map(np.float32),
    st.integers(-(2**31), 2**31 - 1).map(np.int32),
    st.integers(0, 2**64 - 1).map(np.uint64),
    st.booleans(),
    st.booleans().map(np.bool_),
    st.none(),
)
TEXTS = st.one_of(st.sampled_from(["UA", "a", "", "2026-01-01T00:00:00Z"]), st.text(), st.none())
WORDS = st.one_of(TEXTS, TEXTS.map(lambda v: None if v is None else np.str_(v)), st.integers())
MOMENTS = st.one_of(TEXTS, NUMBERS, st.just(datetime(2026, 1, 1, tzinfo=UTC)))
LISTS = st.one_of(
    st.lists(NUMBERS, max_size=4),
    st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3).map(tuple),
    st.lists(st.integers(-9, 9), min_size=3, max_size=3).map(np.array),
)
VALUES = {
    "delay": NUMBERS,
    "wide": NUMBERS,
    "hour": NUMBERS,
    "small": NUMBERS,
    "weekend": NUMBERS,
    "carrier": WORDS,
    "dest": WORDS,
    "when": MOMENTS,
    "shape": LISTS,
    "words": st.lists(WORDS, max_size=3),
    "one": st.lists(NUMBERS, max_size=2),
}
USUAL = {
    "delay": 1.5,
    "wide": 2,
    "hour": 5,
    "small": 1,
    "weekend": True,
    "carrier": "AA",
    "dest": "LAX",
    "when": "2026-01-01T00:00:00Z",
    "shape": [1, 2.5, 3],
    "words": ["a", "?"],
    "one": [4],
}


def by_the_long_way(name: str, value: Any) -> np.ndarray:
    column = np.empty(1, object)
    column[0] = value
    return encode(BY_NAME[name], column)


def test_a_usual_record_takes_the_short_way() -> None:
    found = SINGLE.predict(USUAL)
    assert found is not None
    for field, array in zip(FIELDS, found, strict=True):
        expected = by_the_long_way(field["name"], USUAL[field["name"]])
        np.testing.assert_array_equal(array.reshape(expected.shape), expected)


@pytest.mark.parametrize("name", VALUES)
def test_what_the_short_way_takes_is_what_the_long_way_makes(name: str) -> None:
    place = list(BY_NAME).index(name)

    @settings(max_examples=150, deadline=None)
    @given(VALUES[name])
    @example(None)
    def check(value: Any) -> None:
        found = SINGLE.predict({**USUAL, name: value})
        if found is None:
            return
        expected = by_the_long_way(name, value)
        assert found[place].dtype == expected.dtype
        np.testing.assert_array_equal(found[place].reshape(expected.shape), expected)

    check()


def test_a_field_may_only_be_left_out_if_it_has_a_default() -> None:
    for name, field in BY_NAME.items():
        rest = {key: value for key, value in USUAL.items() if key != name}
        assert (SINGLE.predict(rest) is not None) == ("default" in field)


@pytest.fixture(scope="module")
def model(samples: dict[str, Sample]) -> RecordModel:
    return RecordModel(samples["mlp"].schema, samples["mlp"].tflite)


def test_records_one_by_one_and_together(model: RecordModel) -> None:
    rows = [dict(zip(RAW, row, strict=True)) for row in zip(*RAW.values(), strict=True)]
    together = model.predict(rows)
    for i, row in enumerate(rows):
        np.testing.assert_array_equal(model.predict(row), together[i : i + 1])
        np.testing.assert_array_equal(model.predict([row]), together[i : i + 1])
        np.testing.assert_array_equal(
            model.predict({**row, "hour": float(row["hour"])}), together[i : i + 1]
        )
    np.testing.assert_array_equal(model.predict(RAW), together)
    assert model.predict(rows[0], {"labels": True, "threshold": 0.0}).tolist() == [True]


def test_a_record_that_does_not_fit_is_told(model: RecordModel) -> None:
    row = {name: values[0] for name, values in RAW.items()}
    with pytest.raises(InputError, match=r"columns \['dest'\] are missing"):
        model.predict({name: value for name, value in row.items() if name != "dest"})
    with pytest.raises(InputError, match=r'"hour", row 0: expected int32, got .*1.5'):
        model.predict({**row, "hour": 1.5})
    with pytest.raises(InputError, match="batch: expected at least 1 row"):
        model.predict(row, {"batch": 0})
    with pytest.raises(InputError, match="expected a DataFrame, a dict of columns"):
        model.predict([[1, 2]])


def test_threads_do_not_mix_their_records(model: RecordModel) -> None:
    from concurrent.futures import ThreadPoolExecutor

    rows = [dict(zip(RAW, row, strict=True)) for row in zip(*RAW.values(), strict=True)]
    expected = [float(value) for value in model.predict(rows)]

    def ask(i: int) -> bool:
        rest = model.predict(rows) if i % 7 == 0 else None
        same = rest is None or [float(value) for value in rest] == expected
        return same and float(model.predict(rows[i % 4])[0]) == expected[i % 4]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(2000)))
