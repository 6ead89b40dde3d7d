import json
import sys
import uuid

import numpy as np
import pytest

from ingest import Field, RecordBatch, Schema
from ingest.checks import check_decoder
from ingest.errors import SettingsError
from ingest.formats.avro.decoder import AvroDecoder
from ingest.ragged import Ragged
from tests.ingest.avro_samples import ENUM, RECORD, SCHEMA, decode, one, trip, written


def test_types_become_columns():
    found = decode([written(trip()), written(trip(user=None, note="hé", kind="TRAM", sizes=[]))])
    assert found.bad == ()
    assert found.good.tolist() == [0, 1]
    columns = found.columns
    assert columns["amount"].tolist() == [2.5, 2.5]
    assert columns["amount"].dtype == np.float32
    assert columns["count"].tolist() == [-3, -3]
    assert columns["member"].tolist() == [True, True]
    assert columns["city"].tolist() == SCHEMA.fields[3].codes(["Málaga"] * 2).tolist()
    assert columns["kind"].tolist() == [2, 0]
    assert columns["at"].tolist() == [1714979289123] * 2
    assert columns["note"].texts() == [b"none", "hé".encode()]
    assert columns["sizes"].row(0).tolist() == [1.5, 0.0]
    assert columns["sizes"].lengths.tolist() == [2, 0]
    assert columns["user.age"].tolist() == [40, -1]


@pytest.mark.parametrize(
    ("logical", "avro", "value", "ms"),
    [
        ("timestamp-millis", "long", -1, -1),
        ("timestamp-micros", "long", -1, -1),
        ("timestamp-micros", "long", 1_999, 1),
        ("timestamp-nanos", "long", 1_700_000_000_123_456_789, 1_700_000_000_123),
        ("timestamp-micros", "long", 2**63 - 1, (2**63 - 1) // 1000),
        ("date", "int", -1, -86_400_000),
        ("date", "int", 2**31 - 1, (2**31 - 1) * 86_400_000),
    ],
)
def test_moments(logical, avro, value, ms):
    plain = {"type": "record", "name": "R", "fields": [{"name": "x", "type": avro}]}
    whole = {"type": avro, "logicalType": logical}
    assert one(Field("x", "timestamp"), whole, value, plain) == ms
    assert one(Field("x", "timestamp"), ["null", whole], None) == (
        "wrong_type",
        'field "x": expected a timestamp (RFC 3339 with its offset, or whole milliseconds), got'
        " null (schema.features.x)",
    )
    assert one(Field("x", "int64"), whole, value, plain) == value


@pytest.mark.parametrize("logical", ["local-timestamp-millis", "time-millis", "time-micros"])
def test_moments_without_a_zone_are_none(logical):
    avro = "int" if logical == "time-millis" else "long"
    plain = {"type": "record", "name": "R", "fields": [{"name": "x", "type": avro}]}
    kind, reason = one(Field("x", "timestamp"), {"type": avro, "logicalType": logical}, 5, plain)
    assert kind == "wrong_type"
    assert f"got {logical} 5, which has no zone" in reason


@pytest.mark.parametrize("avro", [{"type": "bytes"}, {"type": "fixed", "name": "F", "size": 12}])
def test_decimals_are_floats(avro):
    plain = {"type": "record", "name": "R", "fields": [{"name": "x", "type": avro}]}
    for scale in (0, 3, 22, 23):
        whole = {**avro, "logicalType": "decimal", "precision": 28, "scale": scale}
        for number in (0, -1, 127, -128, 1234567, 2**53 - 1, 2**53 + 1, -(2**60), 10**25 + 1):
            payload = number.to_bytes(12, "big", signed=True)
            expected = number / 10**scale
            assert one(Field("x", "float64"), whole, payload, plain) == expected, (scale, number)


def test_decimals_at_the_edge():
    avro = {"type": "bytes", "logicalType": "decimal", "precision": 2000, "scale": 1}
    plain = {"type": "record", "name": "R", "fields": [{"name": "x", "type": "bytes"}]}
    assert one(Field("x", "float32"), avro, b"", plain) == 0
    assert one(Field("x", "float32"), avro, b"\xf1", plain) == -1.5
    assert one(Field("x", "float64"), avro, b"\x7f" * 200, plain)[0] == "not_finite"
    assert one(Field("x", "bytes"), avro, b"\xf1", plain) == [0xF1]


def test_other_types():
    name = uuid.uuid4()
    text = {"type": "string", "logicalType": "uuid"}
    plain = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "x", "type": {"type": "fixed", "name": "U", "size": 16}}],
    }
    packed = {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}
    letters = list(str(name).encode())
    assert one(Field("x", "string"), text, name) == letters
    assert one(Field("x", "string"), packed, name.bytes, plain) == letters
    assert one(Field("x", "bytes"), packed, name.bytes, plain) == list(name.bytes)
    assert one(Field("x", "bytes"), "bytes", b"\0\xff") == [0, 255]
    assert one(Field("x", "string"), ENUM, "TRAM") == list(b"TRAM")
    assert one(Field("x", "category", grow=5), ENUM, "TRAM") == list(b"TRAM")
    assert one(Field("x", "category", vocabulary=("CAR",), role="label"), ENUM, "CAR") == 0
    assert one(Field("x", "float32"), ["int", "float", "string"], 7) == 7.0
    assert one(Field("x", "float64"), ["int", "float", "string"], 7.5) == 7.5
    assert one(Field("x", "float64", default=2.0), ["null", "double"], None) == 2.0
    for length in (2, "ragged"):
        for avro in ("int", "long", "float", "double"):
            kind = Field("x", "float64", length=length)
            assert one(kind, {"type": "array", "items": avro}, [1, -2]) == [1.0, -2.0]
        kind = Field("x", "int32", length=length)
        assert one(kind, {"type": "array", "items": "long"}, [1, -2]) == [1, -2]
        kind = Field("x", "bool", length=length)
        assert one(kind, {"type": "array", "items": "boolean"}, [True, False]) == [True, False]
        kind = Field("x", "category", vocabulary=("a",), length=length)
        assert one(kind, {"type": "array", "items": "string"}, ["a", "b"]) == [1, 0]
        assert one(kind, {"type": "array", "items": ENUM}, ["CAR", "BUS"]) == [0, 0]
    ragged = Field("x", "float32", length="ragged", default="")
    assert one(ragged, ["null", {"type": "array", "items": "float"}], None) == []
    fixed = Field("x", "float32", length=2, default=1.0)
    assert one(fixed, ["null", {"type": "array", "items": "float"}], None) == [1.0, 1.0]
    decimals = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 1}
    plain["fields"][0]["type"] = {"type": "array", "items": "bytes"}
    kind = Field("x", "float32", length=2)
    array = {"type": "array", "items": decimals}
    assert one(kind, array, [b"\x0f", b"\xfb"], plain) == [1.5, -0.5]


@pytest.mark.parametrize(
    ("field", "avro", "value", "kind"),
    [
        (Field("x", "float32"), "string", "1", "wrong_type"),
        (Field("x", "float32"), "boolean", True, "wrong_type"),
        (Field("x", "float32"), "double", 1e39, "not_finite"),
        (Field("x", "float64"), "float", float("nan"), "not_finite"),
        (Field("x", "float32", minimum=0), "double", -1e-9, "out_of_range"),
        (Field("x", "float32", role="weight"), "double", -1e-50, "out_of_range"),
        (Field("x", "int32"), "long", 2**31, "out_of_range"),
        (Field("x", "int64"), "double", 1.0, "wrong_type"),
        (Field("x", "bool"), "int", 1, "wrong_type"),
        (Field("x", "category", buckets=3), "int", 1, "wrong_type"),
        (Field("x", "string"), "bytes", b"a", "wrong_type"),
        (Field("x", "bytes"), "string", "a", "wrong_type"),
        (Field("x", "string", default="d"), {"type": "map", "values": "int"}, {}, "wrong_type"),
        (Field("x", "timestamp"), "string", "2024-01-01T00:00:00", "wrong_type"),
        (Field("x", "timestamp"), "boolean", True, "wrong_type"),
        (Field("x", "float32", length=3), {"type": "array", "items": "int"}, [1], "wrong_length"),
        (Field("x", "float32"), {"type": "array", "items": "int"}, [1], "wrong_type"),
        (Field("x", "float32", length="ragged"), "int", 1, "wrong_type"),
        (
            Field("x", "int32", length="ragged"),
            {"type": "array", "items": "long"},
            [2**40],
            "out_of_range",
        ),
        (Field("x.y", "int32"), "long", 1, "missing_field"),
        (Field("x", "category", vocabulary=("CAR",), role="label"), ENUM, "BUS", "unknown_label"),
    ],
)
def test_values_that_do_not_fit(field, avro, value, kind):
    assert one(field, avro, value)[0] == kind


def test_a_schema_without_the_field():
    found = decode(
        [written(trip())], Schema((Field("fare", "float32"), Field("tip", "float32", default=1)))
    )
    assert [(bad.kind, bad.reason) for bad in found.bad] == [
        ("missing_field", 'field "fare": missing (schema.features.fare)')
    ]
    found = decode([written(trip())], Schema((Field("tip", "float32", default=1),)))
    assert found.columns["tip"].tolist() == [1.0]


def test_records_that_are_none():
    assert (
        decode([written(5, "long")], avro='"long"').bad[0].reason
        == "expected an Avro record, got 5"
    )


def test_a_union_of_records():
    other = {"type": "record", "name": "Stop", "fields": [{"name": "amount", "type": "string"}]}
    third = {"type": "record", "name": "Go", "fields": [{"name": "amount", "type": "long"}]}
    both = [RECORD, other, third]
    values = [
        written(trip(), both),
        written({"amount": "x"}, both),
        written(("Go", {"amount": 3}), both),
    ]
    found = decode(values, Schema((Field("amount", "float32"),)), both)
    assert found.columns["amount"].tolist() == [2.5, 3.0]
    assert [bad.index for bad in found.bad] == [1]


def test_arrays_in_several_blocks_and_with_sizes():
    avro = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "x", "type": {"type": "array", "items": "int"}}],
    }
    schema = Schema((Field("x", "int32", length="ragged"),))
    blocks = b"\x02\x02\x04\x04\x06\0"  # [1], then [2, 3]
    sized = b"\x03\x04\x02\x04\0"  # two in two bytes: [1, 2]
    found = decode([blocks, sized, b"\0"], schema, avro)
    assert [found.columns["x"].row(row).tolist() for row in range(3)] == [[1, 2, 3], [1, 2], []]


def test_the_reader_of_records_agrees_with_the_columns():
    values = [
        written(
            trip(
                amount=n / 7, count=n, note="n" * (n % 5), sizes=[n / 3] * (n % 4), user={"age": n}
            )
        )
        for n in range(50)
    ]
    fast, slow = AvroDecoder(SCHEMA, avro_schema=RECORD), AvroDecoder(SCHEMA, avro_schema=RECORD)
    slow._alone._plans = None
    batch = RecordBatch.of("t", 0, range(50), values)
    for name, column in fast.decode(batch).columns.items():
        other = slow.decode(batch).columns[name]
        assert column == other if isinstance(column, Ragged) else column.tolist() == other.tolist()


def test_the_contract_of_decoders():
    good = written(trip())
    values = [
        good,
        None,
        b"",
        good[:-1],
        good + b"\0",
        b"\xff" * 30,
        written(trip(amount=2e6)),
        good,
    ]
    values += [written(trip(sizes=[1.0] * n, note="a" * n, user=None)) for n in range(4)] + [
        b"x" * 3000
    ]
    kinds = check_decoder(
        lambda: AvroDecoder(SCHEMA, avro_schema=RECORD, max_record_bytes=2000), values
    )
    assert kinds == {
        1: "null_value",
        2: "malformed",
        3: "malformed",
        4: "malformed",
        5: "malformed",
        6: "out_of_range",
        12: "too_large",
    }


@pytest.mark.parametrize(
    "schema", ["", "{", "7", '{"type": "record"}', '"ghost"', "[" * 5000 + "]" * 5000, {}]
)
def test_a_schema_that_is_none(schema):
    with pytest.raises(SettingsError, match="avro_schema: no Avro schema"):
        AvroDecoder(SCHEMA, avro_schema=schema)


def test_neither_schema_nor_registry():
    with pytest.raises(SettingsError, match="expected an avro_schema or a schema_registry"):
        AvroDecoder(SCHEMA)


def test_a_schema_as_json():
    assert len(decode([written(trip())], avro=json.dumps(RECORD)).good) == 1


def test_without_fastavro_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastavro", None)
    with pytest.raises(SettingsError, match=r"pip install 'millstream\[avro\]'"):
        AvroDecoder(SCHEMA, avro_schema=RECORD)
