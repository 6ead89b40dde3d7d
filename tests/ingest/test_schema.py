import json
import zlib

import numpy as np
import pytest

from ingest import Field, Schema, SchemaError
from ingest.formats.values import default_value
from ingest.ragged import Ragged
from tests.ingest.samples import SCHEMA

LABEL = Field("y", "bool", "label")


def test_json_round_trip_and_fingerprint():
    again = Schema.from_json(json.loads(json.dumps(SCHEMA.to_json())) | {"task": "binary"})
    assert again == SCHEMA
    assert again.fingerprint() == SCHEMA.fingerprint()
    other = Schema((*SCHEMA.fields[:-1], Field("weight2", "float32", "weight")))
    assert other.fingerprint() != SCHEMA.fingerprint()


def test_bounds_are_in_the_plain_form_only_when_set():
    plain = Field("hour", "int32").to_json()
    assert plain.keys() == {"name", "dtype", "role", "vocabulary", "buckets"}
    bounded = Schema((Field("hour", "int32", minimum=0, maximum=23.5), Field("x", "bool"), LABEL))
    again = Schema.from_json(json.loads(json.dumps(bounded.to_json())))
    assert again == bounded
    assert bounded.fields[0].to_json()["maximum"] == 23.5
    assert bounded.fields[0].bounds == (0, 23)
    same = Schema((Field("hour", "int32", minimum=0.0, maximum=23.5), Field("x", "bool"), LABEL))
    assert same.fingerprint() == bounded.fingerprint()


def test_bounds_of_64_bits_are_exact():
    field = Field("x", "int64", minimum=-(2**62) - 1, maximum=2**62 + 1)
    assert field.bounds == (-(2**62) - 1, 2**62 + 1)
    schema = Schema((field, LABEL))
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


@pytest.mark.parametrize(
    ("dtype", "default"),
    [
        ("int64", 2**63 - 1),
        ("int64", -(2**63)),
        ("int32", -(2**31)),
        ("float64", 1.75e308),
        ("float32", 3.402e38),
    ],
)
def test_defaults_go_to_the_ends_of_their_types(dtype, default):
    assert default_value(Field("x", dtype, default=default)) == default


def test_roles():
    assert [f.name for f in SCHEMA.features] == ["amount", "count", "big", "member", "city", "user"]
    assert SCHEMA.label.name == "late"
    assert SCHEMA.weight.name == "weight"
    assert Schema((Field("x", "bool"), LABEL)).weight is None


def test_codes_of_categories():
    words = Field("c", "category", vocabulary=("x", "y"))
    assert words.codes(["y", "x", "", "z"]).tolist() == [2, 1, 0, 0]
    assert words.cardinality == 3
    label = Field("c", "category", "label", vocabulary=("x", "y"))
    assert label.codes(["y", "x", "z"]).tolist() == [1, 0, -1]
    assert label.cardinality == 2
    hashed = Field("c", "category", buckets=5)
    assert hashed.codes(["", "ø"]).tolist() == [0, 1 + zlib.crc32("ø".encode()) % 5]
    assert hashed.cardinality == 6
    assert Field("x", "int64").cardinality is None


@pytest.mark.parametrize(
    ("field", "dtype", "shape", "ragged"),
    [
        (Field("x", "float64"), "float64", (), False),
        (Field("x", "timestamp"), "int64", (), False),
        (Field("x", "string"), "uint8", (), True),
        (Field("x", "bytes"), "uint8", (), True),
        (Field("x", "bool", length=3), "bool", (3,), False),
        (Field("x", "category", vocabulary=("a",), length="ragged"), "int32", (), True),
        (Field("x", "category", vocabulary=("a",), grow=2), "uint8", (), True),
    ],
)
def test_columns_of_fields(field, dtype, shape, ragged):
    assert field.numpy_dtype == np.dtype(dtype)
    assert (field.shape, field.is_ragged) == (shape, ragged)
    empty = field.empty_column()
    assert (len(empty), empty.dtype, isinstance(empty, Ragged)) == (0, np.dtype(dtype), ragged)
    schema = Schema((field, LABEL))
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Field("", "bool"), "empty name"),
        (lambda: Field("\ud800", "bool"), "that is no text"),
        (lambda: Field("x", "category", vocabulary=("\ud800",)), "that is no text"),
        (lambda: Field("x", "string", default="\ud800"), "that is no text"),
        (lambda: Field("x", "float16"), "expected one of float32"),
        (lambda: Field("x", "bool", "target"), "expected one of feature"),
        (lambda: Field("x", "bool", buckets=3), "only a category"),
        (lambda: Field("x", "category"), "either a vocabulary or buckets"),
        (lambda: Field("x", "category", vocabulary=("a",), buckets=3), "either a vocabulary"),
        (lambda: Field("x", "category", vocabulary=("a", "a")), "twice"),
        (lambda: Field("x", "category", buckets=-1), "expected buckets"),
        (lambda: Field("x", "category", "label", buckets=3), "needs a vocabulary"),
        (lambda: Field("x", "int32", "weight"), "a weight is float32"),
        (lambda: Field("x", "bool", minimum=0), "only a number has a minimum"),
        (lambda: Field("x", "category", buckets=3, maximum=0), "only a number has a maximum"),
        (lambda: Field("x", "int32", minimum="0"), "expected a number as its minimum"),
        (lambda: Field("x", "int32", minimum=True), "expected a number as its minimum"),
        (lambda: Field("x", "float32", maximum=float("nan")), "finite maximum"),
        (lambda: Field("x", "float32", minimum=float("-inf")), "finite minimum"),
        (lambda: Field("x", "int64", maximum=10**400), "finite maximum"),
        (lambda: Field("x", "int32", minimum=2, maximum=1), "minimum 2 is above its maximum 1"),
        (lambda: Field("x", "string", length=2), "there are lists of"),
        (lambda: Field("x", "int32", length=0), "expected a length from 1"),
        (lambda: Field("x", "int32", length=True), "expected a length from 1"),
        (lambda: Field("x", "bool", "label", length=2), "a label is one"),
        (lambda: Field("x", "string", "label"), "a label is one"),
        (lambda: Field("x", "bool", "label", default=True), "a label has no default"),
        (lambda: Field("x", "int32", default=1.5), "the default 1.5 is no int32"),
        (lambda: Field("x", "float32", default=True), "the default True is no float32"),
        (lambda: Field("x", "float32", default=1e39), "out of its range"),
        (lambda: Field("x", "float32", default=2.0**128 - 2.0**103), "out of its range"),
        (lambda: Field("x", "float64", default=10**400), "out of its range"),
        (lambda: Field("x", "int64", default=2**63), "out of its range"),
        (lambda: Field("x", "int64", maximum=2**60, default=2**60 + 1), "out of its range"),
        (lambda: Field("x", "int32", minimum=0, default=-1), "out of its range"),
        (lambda: Field("x", "int32", length="ragged", default=1), "no elements"),
        (lambda: Field("x", "timestamp", default=2**63), "out of its range"),
        (lambda: Field("x", "category", vocabulary=("a", "b"), grow=1), "room to grow"),
        (lambda: Field("x", "category", buckets=2, grow=3), "either a vocabulary"),
        (lambda: Schema((Field("x", "bool"),)).label, "it has no label"),
        (lambda: Schema((Field("x", "bool"), LABEL, Field("z", "bool", "label"))), "got 2"),
        (lambda: Schema((Field("y", "bool"), LABEL)), '"y" is there twice'),
        (lambda: Schema((LABEL,)), "at least one feature"),
        (lambda: Schema.from_json({}), "expected fields"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(SchemaError, match=message):
        make()
