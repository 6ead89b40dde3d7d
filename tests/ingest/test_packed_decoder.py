"""Packed structs: what is good, what is bad and why, and that bulk and single agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Field, PackedDecoder, RecordBatch, Schema
from ingest.checks import check_decoder
from ingest.errors import SchemaError
from ingest.formats.packed_layout import packed_dtype, structs_of
from ingest.ragged import Ragged

SCHEMA = Schema(
    (
        Field("amount", "float32", minimum=-100, maximum=1000),
        Field("exact", "float64"),
        Field("count", "int32", minimum=0),
        Field("big", "int64"),
        Field("member", "bool"),
        Field("city", "category", vocabulary=("Oslo", "Bergen")),
        Field("user", "category", buckets=16),
        Field("day", "category", vocabulary=("mo", "tu", "we")),
        Field("at", "timestamp"),
        Field("seen", "timestamp", default=0),
        Field("name", "string"),
        Field("code", "bytes"),
        Field("point", "float32", length=4),
        Field("late", "category", "label", vocabulary=("no", "yes")),
        Field("weight", "float32", "weight"),
    )
)
LAYOUT = [
    ["amount", "f4"],
    ["exact", "f8"],
    ["count", "i8"],
    ["big", "u8"],
    ["member", "?"],
    ["city", "S8"],
    ["user", "S4"],
    ["day", "u1"],
    ["at", "i8"],
    ["seen", "M8[us]"],
    ["ignored", "f4"],
    ["name", "S6"],
    ["code", "V3"],
    ["point", "f8", [2, 2]],
    ["late", "i2"],
    ["weight", "f8"],
]
DTYPE = packed_dtype(LAYOUT)


def struct(number: int = 0, **changed: object) -> bytes:
    """A good record, but for what is changed."""
    row = np.zeros(1, DTYPE)
    good = {
        "amount": number / 8,
        "exact": number / 3,
        "count": number,
        "big": number * 2**33,
        "member": number % 2,
        "city": (b"Oslo", b"Bergen", "Tromsø".encode())[number % 3],
        "user": f"u{number}"[:4].encode(),
        "day": number % 4,
        "at": number * 1000,
        "seen": np.datetime64(number * 1_000_000, "us"),
        "ignored": np.nan,
        "name": ("a", "", "ærlig")[number % 3].encode(),
        "code": bytes([number % 256, 0, 0]),
        "point": [[number, 1], [2, 3]],
        "late": number % 2,
        "weight": 1 + number % 4,
    }
    for name, value in {**good, **changed}.items():
        row[name] = value
    return row.tobytes()


BAD = {
    "a tombstone": (None, "null_value"),
    "too large": (b"x" * 2001, "too_large"),
    "empty": (b"", "wrong_length"),
    "a byte short": (struct()[:-1], "wrong_length"),
    "a byte long": (struct() + b"\0", "wrong_length"),
    "NaN": (struct(amount=np.nan), "not_finite"),
    "infinity": (struct(exact=-np.inf), "not_finite"),
    "above its maximum": (struct(amount=1000.5), "out_of_range"),
    "below its minimum": (struct(count=-1), "out_of_range"),
    "above int32": (struct(count=2**31), "out_of_range"),
    "above int64": (struct(big=2**63), "out_of_range"),
    "no bool": (struct(member=2), "wrong_type"),
    "no UTF-8 in a category": (struct(city=b"\xff"), "wrong_type"),
    "no UTF-8 in a string": (struct(name=b"a\xc3"), "wrong_type"),
    "a code above": (struct(day=4), "out_of_range"),
    "a label above": (struct(late=2), "out_of_range"),
    "a label below": (struct(late=-1), "out_of_range"),
    "NaN in a list": (struct(point=[[0, 0], [np.nan, 0]]), "not_finite"),
    "negative weight": (struct(weight=-1), "out_of_range"),
    "a weight that rounds to minus zero": (struct(weight=-1e-50), "out_of_range"),
}
GOOD = {
    "plain": struct(1),
    "minus zero": struct(2, amount=-0.0, exact=-0.0),
    "an unknown category": struct(3, city=b"Atlantis"),
    "an empty category": struct(4, city=b"", user=b""),
    "the ends": struct(5, count=2**31 - 1, big=2**63 - 1, at=-(2**63), day=3),
    "no time": struct(6, seen=np.datetime64("NaT")),
    "before the epoch": struct(7, seen=np.datetime64(-1, "us")),
    "tiny": struct(8, amount=1e-45, exact=5e-324, weight=0, point=[[-1e-50, 0], [0, 0]]),
    "far ahead": struct(9, seen=np.datetime64(2**62, "us")),
}


def decoder(**options: object) -> PackedDecoder:
    return PackedDecoder(SCHEMA, LAYOUT, **{"max_record_bytes": 2000, **options})


def decode(values, made=None):
    return (made or decoder()).decode(RecordBatch.of("a", 0, range(len(values)), values))


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


def one_by_one(raw: bytes):
    """(kind, None) or (None, values), by the way of single records."""
    from ingest.formats.values import BadValueError

    try:
        return None, decoder()._read(np.frombuffer(raw, DTYPE)[0])
    except BadValueError as error:
        return error.kind, None


numbers = st.sampled_from([0.0, -0.0, 1.5, np.nan, np.inf, 1000.0, 1000.5, -1e-50])
whole = st.sampled_from([0, 1, 2, 3, 4, -1, 2**31, 2**31 - 1, -(2**63), 2**63 - 1])
changes = st.fixed_dictionaries(
    {},
    optional={
        "amount": numbers,
        "exact": numbers | st.floats(),
        "count": whole,
        "big": st.integers(0, 2**64 - 1),
        "member": st.integers(0, 3),
        "city": st.sampled_from([b"Oslo", b"", b"\xc3\xa6", b"\xc3", b"a\0b"]),
        "user": st.binary(max_size=4),
        "day": st.integers(0, 5),
        "at": whole,
        "seen": whole.map(lambda n: np.datetime64(n, "us")),
        "name": st.binary(max_size=6),
        "code": st.binary(min_size=3, max_size=3),
        "point": st.lists(numbers, min_size=4, max_size=4).map(
            lambda values: np.reshape(values, (2, 2))
        ),
        "late": st.integers(-2, 3),
        "weight": numbers,
    },
)


@settings(deadline=None, max_examples=300)
@given(st.lists(changes, min_size=1, max_size=5))
def test_bulk_agrees_with_one_by_one(rows) -> None:
    raws = [struct(n, **row) for n, row in enumerate(rows)]
    found = decode(raws)
    expected = [one_by_one(raw) for raw in raws]
    assert {bad.index: bad.kind for bad in found.bad} == {
        at: kind for at, (kind, _) in enumerate(expected) if kind
    }
    good = [values for kind, values in expected if kind is None]
    for place, field in enumerate(SCHEMA.fields):
        column = found.columns[field.name]
        for at, values in enumerate(good):
            if isinstance(column, Ragged):
                assert column.row(at).tobytes() == values[place]
            else:
                expected_bytes = np.array(values[place]).astype(column.dtype) + column.dtype.type(0)
                assert column[at].tobytes() == expected_bytes.tobytes()


@settings(deadline=None, max_examples=300)
@given(st.lists(st.binary(min_size=DTYPE.itemsize, max_size=DTYPE.itemsize), min_size=1))
def test_arbitrary_bytes_never_raise(batch) -> None:
    found = decode(batch)
    assert len(found.good) + len(found.bad) == len(batch)
    assert [bad.kind for bad in found.bad] == [k for k, _ in map(one_by_one, batch) if k]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.floats(-100, 1000, width=32), st.integers(0, 2**31 - 1), st.binary(max_size=3)
        ),
        min_size=1,
    )
)
def test_round_trip(rows) -> None:
    raws = [
        struct(amount=amount, count=count, code=code.ljust(3, b"\0"))
        for amount, count, code in rows
    ]
    found = decode(raws)
    assert found.bad == ()
    assert found.columns["amount"].tolist() == [amount for amount, _, _ in rows]
    assert found.columns["count"].tolist() == [count for _, count, _ in rows]
    assert found.columns["code"].texts() == [code.ljust(3, b"\0") for _, _, code in rows]
