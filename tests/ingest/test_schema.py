import json
import zlib

import pytest

from ingest import Field, Schema, SchemaError
from tests.ingest.samples import SCHEMA

LABEL = Field("y", "bool", "label")


def test_json_round_trip_and_fingerprint():
    again = Schema.from_json(json.loads(json.dumps(SCHEMA.to_json())) | {"task": "binary"})
    assert again == SCHEMA
    assert again.fingerprint() == SCHEMA.fingerprint()
    other = Schema((*SCHEMA.fields[:-1], Field("weight2", "float32", "weight")))
    assert other.fingerprint() != SCHEMA.fingerprint()


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
    ("make", "message"),
    [
        (lambda: Field("", "bool"), "empty name"),
        (lambda: Field("x", "float16"), "expected one of float32"),
        (lambda: Field("x", "bool", "target"), "expected one of feature"),
        (lambda: Field("x", "bool", buckets=3), "only a category"),
        (lambda: Field("x", "category"), "either a vocabulary or buckets"),
        (lambda: Field("x", "category", vocabulary=("a",), buckets=3), "either a vocabulary"),
        (lambda: Field("x", "category", vocabulary=("a", "a")), "twice"),
        (lambda: Field("x", "category", buckets=-1), "expected buckets"),
        (lambda: Field("x", "category", "label", buckets=3), "needs a vocabulary"),
        (lambda: Field("x", "int32", "weight"), "a weight is float32"),
        (lambda: Schema((Field("x", "bool"),)), "exactly one label, got 0"),
        (lambda: Schema((Field("x", "bool"), LABEL, Field("z", "bool", "label"))), "got 2"),
        (lambda: Schema((Field("y", "bool"), LABEL)), '"y" is there twice'),
        (lambda: Schema((LABEL,)), "at least one feature"),
        (lambda: Schema.from_json({}), "expected fields"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(SchemaError, match=message):
        make()
