import random
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import Field, Schema
from ingest.formats.moments import milliseconds_of, parse_rfc3339
from ingest.formats.values import MISSING, BadValueError, ColumnsBuilder, check_value
from ingest.ragged import Ragged
from tests.ingest.json_cases import TIMES

CITY = Field("city", "category", vocabulary=("Oslo", "Bergen"))
LATE = Field("late", "category", "label", vocabulary=("no", "yes"))
NOON = datetime(2026, 11, 25, 12, 0, 0, 123_999, tzinfo=UTC)
GOOD = [
    (Field("x", "float32"), 1, 1.0),
    (Field("x", "float32"), -0.0, 0.0),
    (Field("x", "float64"), 1e300, 1e300),
    (Field("x", "float64"), 2**53 + 1, 2.0**53),
    (Field("x", "int32"), -(2**31), -(2**31)),
    (Field("x", "int64", maximum=2**60), 2**60, 2**60),
    (Field("x", "bool"), False, False),
    (CITY, "Bergen", 2),
    (CITY, "?", 0),
    (LATE, "no", 0),
    (Field("x", "category", buckets=9), "", 0),
    (Field("x", "category", grow=9), "é", "é".encode()),
    (Field("x", "string"), "é", "é".encode()),
    (Field("x", "bytes"), b"\xff", b"\xff"),
    (Field("x", "timestamp"), 5, 5),
    (Field("x", "timestamp"), NOON, 1_795_608_000_123),
    (Field("x", "timestamp"), "2026-11-25T13:00:00.1239+01:00", 1_795_608_000_123),
    (Field("x", "float32", length=2), (1, 2.5), [1.0, 2.5]),
    (Field("x", "int32", length="ragged"), [], []),
    (Field("x", "category", vocabulary=("a",), length=2), ["a", "b"], [1, 0]),
    (Field("x", "float32", default=2), None, 2.0),
    (Field("x", "float32", default=-0.0), MISSING, 0.0),
    (Field("x", "string", default="é"), MISSING, "é".encode()),
    (Field("x", "bytes", default="é"), MISSING, "é".encode()),
    (Field("x", "category", vocabulary=("a", "b"), default="b"), None, 2),
    (Field("x", "category", grow=3, default="b"), None, b"b"),
    (Field("x", "timestamp", default=7), None, 7),
    (Field("x", "int64", length=3, default=7), None, [7, 7, 7]),
    (Field("x", "bool", length="ragged", default=""), None, []),
]
BAD = [
    (Field("x", "float32"), MISSING, "missing_field", 'field "x": missing (schema.features.x)'),
    (Field("x", "float32"), None, "wrong_type", "expected float32, got null"),
    (Field("x", "float32"), True, "wrong_type", "expected float32, got true"),
    (Field("x", "float32"), "abc", "wrong_type", 'expected float32, got "abc" (schema.features.x)'),
    (Field("x", "float32"), 3.5e38, "not_finite", "expected a finite float32, got 3.5e+38"),
    (Field("x", "float64"), float("nan"), "not_finite", "expected a finite float64, got NaN"),
    (Field("x", "float64"), 10**400, "not_finite", "got a number of 1329 bits"),
    (Field("x", "float64", minimum=0), -1, "out_of_range", "expected float64 of at least 0"),
    (Field("w", "float32", "weight"), -1, "out_of_range", "a weight of at least 0, got -1"),
    (Field("x", "int32"), 2**31, "out_of_range", "int32 within its range, got 2147483648"),
    (Field("x", "int64", maximum=2**62 + 1), 2**62 + 2, "out_of_range", f"most {2**62 + 1}, got"),
    (Field("x", "int32"), 1.0, "wrong_type", "expected int32, got 1.0"),
    (Field("x", "bool"), 1, "wrong_type", "expected bool, got 1"),
    (CITY, b"Oslo", "wrong_type", "expected a string, got 'Oslo'"),
    (CITY, "\ud800", "wrong_type", 'expected a string, got "\\\\ud800"'),
    (LATE, "?", "unknown_label", 'a label of the vocabulary, got "?" (schema.label)'),
    (Field("x", "bytes"), "text", "wrong_type", 'expected bytes, got "text"'),
    (Field("x", "string"), b"text", "wrong_type", "expected a string, got 'text'"),
    (Field("x", "timestamp"), NOON.replace(tzinfo=None), "wrong_type", "got 2026-11-25T12:00"),
    (Field("x", "timestamp"), "2026-11-25", "wrong_type", "expected a timestamp (RFC 3339 with"),
    (Field("x", "timestamp"), 2**63, "out_of_range", "expected timestamp within its range"),
    (Field("x", "timestamp"), 1.5, "wrong_type", "got 1.5"),
    (Field("x", "int32", length=2), [1], "wrong_length", "a list of 2 int32, got a list of 1"),
    (Field("x", "int32", length=2), 1, "wrong_type", "expected a list of 2 int32, got 1"),
    (Field("x", "int32", length=2), [1, None], "wrong_type", '"x"[1]: expected int32, got null'),
    (Field("x", "bool", length="ragged"), None, "wrong_type", "expected a list of bool, got null"),
    (Field("x", "string"), {}, "wrong_type", "got a value of type dict"),
    (Field("x", "int32"), "x" * 500, "wrong_type", '"' + "x" * 100 + '" ...'),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "expected"), GOOD)
def test_good_values(field, value, expected):
    found = check_value(field, value)
    assert found == expected
    assert type(found) is type(expected)
    assert str(found) == str(expected)


@pytest.mark.parametrize(("field", "value", "kind", "reason"), BAD)
def test_bad_values(field, value, kind, reason):
    with pytest.raises(BadValueError) as error:
        check_value(field, value)
    assert error.value.kind == kind
    assert reason in str(error.value)
    assert len(str(error.value)) < 400


def test_what_rounds_to_zero_is_plus_zero():
    schema = Schema(
        (
            Field("one", "float32"),
            Field("two", "float32", length=2),
            Field("many", "float32", length="ragged"),
            Field("fine", "float64"),
        )
    )
    builder = ColumnsBuilder(schema)
    builder.add({"one": -1e-50, "two": [-1e-50, -1], "many": [-1e-50], "fine": -1e-50})
    columns = builder.columns()
    assert columns["one"].tobytes() == bytes(4)
    assert np.signbit(columns["two"]).tolist() == [[False, True]]
    assert columns["many"].values.tobytes() == bytes(4)
    assert columns["fine"].tolist() == [-1e-50]


def test_a_builder_adds_whole_records_or_nothing():
    schema = Schema(
        (
            Field("number", "float32"),
            Field("list", "int32", length=2),
            Field("ragged", "float64", length="ragged", default=""),
            Field("word", "string", default="?"),
            Field("flag", "bool", "label"),
        )
    )
    builder = ColumnsBuilder(schema)
    empty = builder.columns()
    assert {name: (c.dtype, len(c)) for name, c in empty.items()} == {
        field.name: (field.numpy_dtype, 0) for field in schema.fields
    }
    assert empty["list"].shape == (0, 2)
    builder.add({"number": 1, "list": [1, 2], "ragged": [0.5], "flag": True, "other": 1})
    with pytest.raises(BadValueError, match="flag"):
        builder.add({"number": 2, "list": [3, 4], "word": "x", "flag": 1})
    builder.add({"number": 0.1, "list": [5, 6], "word": "é", "flag": False})
    columns = builder.columns()
    assert len(builder) == 2
    assert columns["number"].tolist() == [1.0, float(np.float32(0.1))]
    assert columns["list"].tolist() == [[1, 2], [5, 6]]
    assert columns["ragged"] == Ragged.of([[0.5], []], np.float64)
    assert columns["word"].texts() == [b"?", "é".encode()]
    assert columns["flag"].tolist() == [True, False]


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_moments_are_those_of_datetime(moment, minutes):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    exact = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert milliseconds_of(aware) == exact
    assert parse_rfc3339(aware.isoformat()) == exact


def test_which_moments_are_none():
    named = {text: parse_rfc3339(text) for text in TIMES}
    none = [text for text, moment in named.items() if moment is None]
    assert len(none) == 17
    assert named["1969-12-31T23:59:59.999Z"] == -1
    assert named["2026-11-25t13:45:00Z"] == named["2026-11-25 13:45:00Z"] == 1_795_614_300_000


def test_a_list_of_many_is_refused_where_it_is_wrong():
    numbers = [random.Random(1).random() for _ in range(1000)]
    field = Field("x", "float32", length="ragged")
    assert check_value(field, numbers) == numbers
    with pytest.raises(BadValueError, match=r'field "x"\[999\]: expected float32, got "1"'):
        check_value(field, [*numbers[:999], "1"])
