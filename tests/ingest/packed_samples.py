"""A schema, a layout, and good and bad packed structs of it."""

from __future__ import annotations

import numpy as np

from ingest import Field, PackedDecoder, RecordBatch, Schema
from ingest.formats.packed.layout import packed_dtype

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
