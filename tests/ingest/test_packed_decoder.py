"""Packed structs: what is good, what is bad and why."""

from __future__ import annotations

import numpy as np
import pytest

from ingest import Field, PackedDecoder, RecordBatch, Schema
from ingest.checks import check_decoder
from ingest.errors import SchemaError
from ingest.formats.packed.layout import structs_of
from ingest.ragged import Ragged
from tests.ingest.packed_samples import BAD, DTYPE, GOOD, SCHEMA, decode, decoder, struct


def test_conformance() -> None:
    values = [*GOOD.values(), *[value for value, _ in BAD.values()]]
    kinds = check_decoder(decoder, values)
    assert kinds == {len(GOOD) + at: kind for at, (_, kind) in enumerate(BAD.values())}


def test_values_and_dtypes() -> None:
    columns = decode([struct(n) for n in range(5)]).columns
    for field in SCHEMA.fields:
        assert columns[field.name].dtype == field.numpy_dtype
    assert columns["amount"].tolist() == [0, 0.125, 0.25, 0.375, 0.5]
    assert columns["exact"].tolist() == [n / 3 for n in range(5)]
    assert columns["count"].tolist() == [0, 1, 2, 3, 4]
    assert columns["big"].tolist() == [n * 2**33 for n in range(5)]
    assert columns["member"].tolist() == [False, True, False, True, False]
    assert columns["city"].tolist() == [1, 2, 0, 1, 2]
    user = SCHEMA.fields[6]
    assert columns["user"].tolist() == user.codes([f"u{n}" for n in range(5)]).tolist()
    assert columns["day"].tolist() == [0, 1, 2, 3, 0]
    assert columns["at"].tolist() == columns["seen"].tolist() == [0, 1000, 2000, 3000, 4000]
    assert columns["name"].texts() == [b"a", b"", "ærlig".encode(), b"a", b""]
    assert columns["code"].texts() == [bytes([n, 0, 0]) for n in range(5)]
    assert columns["point"].tolist() == [[n, 1, 2, 3] for n in range(5)]
    assert columns["late"].tolist() == [0, 1, 0, 1, 0]


def test_odd_but_good_values() -> None:
    columns = decode(list(GOOD.values())).columns
    assert not np.signbit(columns["amount"]).any()
    assert not np.signbit(columns["exact"]).any()
    assert not np.signbit(columns["point"]).any()
    assert columns["seen"][8] == 2**62 // 1000
    assert columns["seen"].tolist()[5:7] == [0, -1]
    assert columns["city"].tolist()[2:4] == [0, 0]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (
            struct(amount=np.nan),
            'field "amount": expected a finite float32, got NaN (schema.features.amount)',
        ),
        (
            struct(day=7),
            'field "day": expected a code from 0 to 3, got 7 (schema.features.day)',
        ),
        (
            struct(late=2),
            'field "late": expected a code from 0 to 1, got 2 (schema.label)',
        ),
        (struct(member=9), 'field "member": expected bool, got 9 (schema.features.member)'),
        (
            struct(point=[[0, 0], [np.inf, 0]]),
            'field "point"[2]: expected a finite float32, got Infinity (schema.features.point)',
        ),
        (b"abc", f"the value has 3 bytes, the struct of format.fields has {DTYPE.itemsize}"),
    ],
)
def test_reasons_say_what_to_change(value: bytes, reason: str) -> None:
    assert [bad.reason for bad in decode([value]).bad] == [reason]


def test_only_the_bad_rows_of_a_large_batch_are_bad() -> None:
    values: list[bytes | None] = [struct(n, amount=1) for n in range(20_000)]
    wrong = {7: b"x", 8: None, 9_000: struct(amount=np.nan), 19_999: b""}
    for place, value in wrong.items():
        values[place] = value
    found = decode(values)
    assert [bad.index for bad in found.bad] == sorted(wrong)
    assert found.columns["count"].tolist() == [n for n in range(20_000) if n not in wrong]


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(order: str) -> None:
    schema = Schema((Field("x", "float32"), Field("n", "int64"), Field("k", "int32", length=2)))
    layout = [["x", f"{order}f4"], ["n", f"{order}i4"], ["k", f"{order}u2", 2]]
    rows = np.array([(1.5, -7, (3, 65535))], [tuple(member) for member in layout])
    columns = decode([rows.tobytes()], PackedDecoder(schema, layout)).columns
    assert [column.tolist() for column in columns.values()] == [[1.5], [-7], [[3, 65535]]]


def test_a_dtype_with_padding_and_fields_that_it_does_not_have() -> None:
    dtype = np.dtype({"names": ["x"], "formats": ["<f4"], "offsets": [4], "itemsize": 12})
    schema = Schema((Field("x", "float32"), Field("new", "string", default="none")))
    found = decode([bytes(4) + np.float32(2).tobytes() + bytes(4)], PackedDecoder(schema, dtype))
    assert found.columns["x"].tolist() == [2.0]
    assert found.columns["new"] == Ragged.of([b"none"], np.uint8)


X = Field("x", "float32")


@pytest.mark.parametrize(
    ("field", "layout", "expected"),
    [
        (X, [["y", "f4"]], 'field "x": no member of the struct has this name'),
        (X, [["x", "f4", 3]], 'field "x": expected a member of length 1, got 3'),
        (Field("x", "float32", length=2), [["x", "f4"]], "a member of length 2, got 1"),
        (Field("x", "float32", length="ragged"), [["x", "f4", 2]], "of length ragged, got 2"),
        (Field("x", "int32"), [["x", "f4"]], 'field "x": a int32 does not come from float32'),
        (Field("x", "category", vocabulary=("a",), grow=9), [["x", "i4"]], "does not come from"),
        (Field("x", "string"), [["x", "V4"]], "does not come from"),
        (X, [["x", "f4"], ["x", "f4"]], "format.fields: x is there twice"),
        (X, [["x", "float"]], "format.fields: x: expected a type of"),
        (X, [["x", "O"]], "format.fields: x: expected a type of"),
        (X, [["x", "U4"]], "format.fields: x: expected a type of"),
        (X, [["x", "f4", 0]], "format.fields: x: expected a shape from 1 up"),
        (X, [["x", "S9999999", 2**23]], "format.fields: no such struct"),
        (X, ["x", "f4"], "format.fields: expected \\[name, type\\]"),
        (X, [], "format.fields: it has no members"),
        (X, np.dtype("f4"), "format.fields: expected a structured dtype"),
        (X, np.dtype([("x", [("y", "f4")])]), "format.fields: x: expected a type of"),
        (X, np.dtype([("x", "c8")]), "format.fields: x: expected a type of"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(field, layout, expected: str) -> None:
    with pytest.raises(SchemaError, match=expected):
        PackedDecoder(Schema((field,)), layout)


def test_equal_strides_are_read_in_place_and_others_gathered() -> None:
    size = DTYPE.itemsize
    buffer = np.frombuffer(b"".join(b"head" + struct(n) for n in range(9)), np.uint8)
    starts = np.arange(9, dtype=np.int64) * (size + 4) + 4
    none, empty = np.full(9, -1, np.int64), np.zeros(9, np.int64)
    full = np.full(9, size, np.int64)

    def batch(start):
        return RecordBatch("a", 0, np.arange(9), none, empty, none, start, full, buffer)

    even = structs_of(batch(starts), np.arange(9), DTYPE)
    assert np.shares_memory(even, buffer)
    mixed = structs_of(batch(starts[[0, 2, 1, 3, 8, 5, 6, 7, 4]]), np.arange(9), DTYPE)
    assert not np.shares_memory(mixed, buffer)
    assert even["count"].tolist() == list(range(9))
    assert mixed["count"].tolist() == [0, 2, 1, 3, 8, 5, 6, 7, 4]
    back = structs_of(batch(starts[::-1].copy()), np.arange(9), DTYPE)
    assert back["count"].tolist() == list(range(9))[::-1]
    same = structs_of(batch(starts[[4] * 9]), np.arange(9), DTYPE)
    assert same["count"].tolist() == [4] * 9
