"""Serialized tf.train.Examples: held against protobuf one by one and `tf.io.parse_example`."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from ingest import ExampleDecoder, Field, RecordBatch, Schema
from ingest.checks import check_decoder
from ingest.ragged import Ragged

SCHEMA = Schema(
    (
        Field("amount", "float32", maximum=1000),
        Field("exact", "float64", default=0.5),
        Field("count", "int32", minimum=0),
        Field("big", "int64"),
        Field("member", "bool"),
        Field("city", "category", vocabulary=("Oslo", "Bergen"), default="Bergen"),
        Field("user", "category", buckets=16),
        Field("word", "category", vocabulary=("a",), grow=9),
        Field("at", "timestamp"),
        Field("name", "string"),
        Field("code", "bytes"),
        Field("point", "float32", length=3),
        Field("steps", "int64", length="ragged"),
        Field("ways", "float32", length="ragged", default=""),
        Field("tags", "category", length="ragged", vocabulary=("x", "y")),
        Field("late", "category", "label", vocabulary=("no", "yes")),
        Field("weight", "float32", "weight"),
    )
)
FLOATS = ("amount", "exact", "point", "ways", "weight")
TEXTS = ("city", "user", "word", "name", "code", "tags", "late")
PARSED = {
    "amount": tf.io.FixedLenFeature([], tf.float32),
    "big": tf.io.FixedLenFeature([], tf.int64),
    "name": tf.io.FixedLenFeature([], tf.string),
    "point": tf.io.FixedLenFeature([3], tf.float32),
    "steps": tf.io.RaggedFeature(tf.int64),
    "ways": tf.io.RaggedFeature(tf.float32),
}


def feature(name: str, values: object) -> tf.train.Feature:
    if isinstance(values, tf.train.Feature):
        return values
    many = values if isinstance(values, list) else [values]
    if name in FLOATS:
        return tf.train.Feature(float_list=tf.train.FloatList(value=many))
    if name in TEXTS:
        coded = [value.encode() if isinstance(value, str) else value for value in many]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=coded))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=many))


def message(number: int = 0, **changed: object) -> tf.train.Example:
    good: dict[str, object] = {
        "amount": number / 8,
        "exact": number / 4,
        "count": number,
        "big": -number * 2**33,
        "member": number % 2,
        "city": ("Oslo", "Bergen", "Tromsø")[number % 3],
        "user": f"u{number}",
        "word": "",
        "at": number * 1000,
        "name": ("a", "", "ærlig")[number % 3],
        "code": bytes([number % 256, 255]),
        "point": [number, 1.0, 2.0],
        "steps": list(range(number % 4)),
        "ways": [0.5] * (number % 3),
        "tags": ["x", "z", "y"][: number % 4],
        "late": ("no", "yes")[number % 2],
        "weight": 1.0 + number % 4,
        "other": number,
    }
    good.update(changed)
    kept = {name: feature(name, v) for name, v in good.items() if v is not None}
    return tf.train.Example(features=tf.train.Features(feature=kept))


def raw(number: int = 0, **changed: object) -> bytes:
    return message(number, **changed).SerializeToString()


INTS = tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))
EMPTY = tf.train.Feature(float_list=tf.train.FloatList())
BAD = {
    "a tombstone": (None, "null_value"),
    "too large": (raw(code=bytes(9000)), "too_large"),
    "empty": (b"", "missing_field"),
    "a text": (b"hello", "malformed"),
    "cut off": (raw()[:-1], "malformed"),
    "trailing bytes": (raw() + b"x", "malformed"),
    "a missing field": (raw(amount=None), "missing_field"),
    "a field of no kind": (raw(amount=tf.train.Feature()), "missing_field"),
    "a missing list": (raw(steps=None), "missing_field"),
    "integers for floats": (raw(amount=INTS), "wrong_type"),
    "integers for bytes": (raw(name=INTS), "wrong_type"),
    "floats for integers": (raw(count=feature("amount", 1.0)), "wrong_type"),
    "integers for a default": (raw(exact=INTS), "wrong_type"),
    "two values": (raw(amount=[1.0, 2.0]), "wrong_length"),
    "no value": (raw(amount=EMPTY), "wrong_length"),
    "a short list": (raw(point=[1.0, 2.0]), "wrong_length"),
    "NaN": (raw(amount=np.nan), "not_finite"),
    "infinity in a list": (raw(point=[0, np.inf, 0]), "not_finite"),
    "NaN in a ragged list": (raw(ways=[0, np.nan]), "not_finite"),
    "above its maximum": (raw(amount=1000.5), "out_of_range"),
    "below its minimum": (raw(count=-1), "out_of_range"),
    "above int32": (raw(count=2**31), "out_of_range"),
    "no bool": (raw(member=2), "wrong_type"),
    "no UTF-8 in a category": (raw(user=b"\xff"), "wrong_type"),
    "no UTF-8 in a string": (raw(name=b"a\xc3"), "wrong_type"),
    "no UTF-8 in a word": (raw(word=b"\xc3"), "wrong_type"),
    "no UTF-8 in a list": (raw(tags=["x", b"\xff"]), "wrong_type"),
    "an unknown label": (raw(late="perhaps"), "unknown_label"),
    "negative weight": (raw(weight=-1.0), "out_of_range"),
    "a broken other field": (raw(other=None) + b"\x0a\x03abc", "malformed"),
}
PLAIN = raw(5)
GOOD = {
    "plain": raw(1),
    "minus zero": raw(2, amount=-0.0),
    "defaults": raw(3, exact=None, city=None, ways=None),
    "no list for a default": raw(4, ways=tf.train.Feature()),
    "empty lists": raw(5, steps=[], tags=[], ways=EMPTY),
    "the ends": raw(6, count=2**31 - 1, big=-(2**63), at=2**63 - 1, amount=1000.0),
    "bytes of all kinds": raw(7, code=bytes(range(256)), other=tf.train.Feature()),
    "a name that is no ASCII": raw(8, ærlig=1),
    "twice the features": PLAIN + raw(9),
    "an unknown field": PLAIN + b"\x12\x01x",
    "long lists": raw(10, steps=list(range(-300, 300)), ways=[1e-45] * 300),
}


def unpacked(values: list[float]) -> bytes:
    """An Example whose list of floats is not packed, as old writers have it."""
    floats = b"".join(b"\x0d" + np.float32(value).tobytes() for value in values)
    feature = b"\x12" + bytes([len(floats)]) + floats
    entry = b"\x0a\x01x\x12" + bytes([len(feature)]) + feature
    return b"\x0a" + bytes([len(entry) + 2]) + b"\x0a" + bytes([len(entry)]) + entry


def decoder(**options: object) -> ExampleDecoder:
    return ExampleDecoder(SCHEMA, **{"max_record_bytes": 8000, **options})


def decode(values, made: ExampleDecoder | None = None):
    return (made or decoder()).decode(RecordBatch.of("a", 0, range(len(values)), values))


def test_conformance() -> None:
    kinds = check_decoder(decoder, [*GOOD.values(), *[value for value, _ in BAD.values()]])
    assert kinds == {len(GOOD) + at: kind for at, (_, kind) in enumerate(BAD.values())}


def test_values_and_dtypes() -> None:
    columns = decode([raw(n) for n in range(5)]).columns
    for field in SCHEMA.fields:
        assert columns[field.name].dtype == field.numpy_dtype
    assert columns["exact"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert columns["big"].tolist() == [-n * 2**33 for n in range(5)]
    assert columns["member"].tolist() == [False, True, False, True, False]
    assert columns["city"].tolist() == [1, 2, 0, 1, 2]
    assert columns["name"].texts() == [b"a", b"", "ærlig".encode(), b"a", b""]
    assert columns["point"].tolist() == [[n, 1, 2] for n in range(5)]
    assert columns["steps"] == Ragged.of([range(n % 4) for n in range(5)], np.int64)
    assert columns["tags"] == Ragged.of([[], [1], [1, 0], [1, 0, 2], []], np.int32)
    assert columns["late"].tolist() == [0, 1, 0, 1, 0]


def test_defaults() -> None:
    columns = decode([raw(1), GOOD["defaults"], raw(2)]).columns
    assert columns["exact"].tolist() == [0.25, 0.5, 0.5]
    assert columns["city"].tolist() == [2, 2, 0]
    assert columns["ways"].lengths.tolist() == [1, 0, 2]


def test_the_last_of_two_features_counts_and_lists_need_not_be_packed() -> None:
    assert decode([GOOD["twice the features"]]).columns["count"].tolist() == [9]
    schema = Schema((Field("x", "float32", length="ragged"),))
    found = decode([unpacked([1.5, -2])], ExampleDecoder(schema))
    assert found.columns["x"].row(0).tolist() == [1.5, -2]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (raw(amount=None), 'field "amount": missing (schema.features.amount)'),
        (
            raw(amount=INTS),
            'field "amount": expected a float_list, got a int64_list (schema.features.amount)',
        ),
        (
            raw(amount=[1.0, 2.0]),
            'field "amount": expected 1 value, got 2 (schema.features.amount)',
        ),
        (
            raw(point=[1.0]),
            'field "point": expected a list of 3 float32, got a list of 1 (schema.features.point)',
        ),
        (
            raw(late="perhaps"),
            'field "late": expected a label of the vocabulary, got "perhaps" (schema.label)',
        ),
    ],
)
def test_reasons_say_what_to_change(value: bytes, reason: str) -> None:
    assert [bad.reason for bad in decode([value]).bad] == [reason]


def test_only_the_bad_rows_of_a_large_batch_are_bad() -> None:
    made = [raw(n, amount=1.0) for n in range(100)]
    values: list[bytes | None] = [made[n % 100] for n in range(20_000)]
    wrong = {7: b"x", 8: None, 9_000: raw(amount=np.nan), 19_999: raw()[:-1]}
    for place, value in wrong.items():
        values[place] = value
    found = decode(values)
    assert [bad.index for bad in found.bad] == sorted(wrong)
    kept = [n % 100 for n in range(20_000) if n not in wrong]
    assert found.columns["count"].tolist() == kept


def test_many_bad_records_are_each_told() -> None:
    """Every way of being malformed at once, with no good record between."""
    kinds = decode([value for value, _ in BAD.values()] * 300).bad
    assert [bad.kind for bad in kinds] == [kind for _, kind in BAD.values()] * 300


def test_as_tensorflow_parses_them() -> None:
    raws = [raw(n) for n in range(300)]
    parsed = tf.io.parse_example(raws, PARSED)
    columns = decode(raws).columns
    for name in ("amount", "big", "point"):
        assert columns[name].tolist() == parsed[name].numpy().tolist()
    assert columns["name"].texts() == parsed["name"].numpy().tolist()
    for name in ("steps", "ways"):
        assert columns[name].values.tolist() == parsed[name].values.numpy().tolist()
        assert columns[name].splits.tolist() == parsed[name].row_splits.numpy().tolist()
