"""Encodings that are broken or meant to do harm, and agreement with fastavro on all others."""

import io
import json
import tracemalloc

import fastavro
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest import Field, RecordBatch, Schema
from ingest.checks import check_decoder
from ingest.errors import SettingsError
from ingest.formats.avro.decoder import AvroDecoder
from ingest.formats.avro.encoding import PROBLEMS
from ingest.ragged import Ragged
from tests.ingest.avro_samples import RECORD, SCHEMA, decode, trip, written
from tests.ingest.same_columns import same_columns

HUGE = b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"  # -(2**62)
MANY = b"\x80\x80\x80\x80\x80\x80\x80\x80\x20"  # 2**60
LINK = {"type": "record", "name": "L", "fields": [{"name": "n", "type": ["null", "L"]}]}


def record_of(avro, name="R"):
    return {"type": "record", "name": name, "fields": [{"name": "x", "type": avro}]}


def problem(avro, payload):
    """Why a payload is no record whose one field has that type; None if it is one."""
    found = decode([payload], Schema((Field("other", "int32", default=0),)), record_of(avro))
    assert len(found.good) + len(found.bad) == 1
    assert {bad.kind for bad in found.bad} <= {"malformed"}
    return found.bad[0].reason if found.bad else None


@pytest.mark.parametrize(
    ("avro", "payload", "says"),
    [
        ("long", b"", "it ends too early (at byte 0)"),
        ("long", b"\x80", "it ends too early (at byte 1)"),
        ("long", b"\x80" * 10 + b"\x01", "a whole number has more than 64 bits (at byte 9)"),
        ("long", b"\xff" * 9 + b"\x02", "a whole number has more than 64 bits"),
        ("int", b"\xff\xff\xff\xff\x1f", "an int has more than 32 bits"),
        ("boolean", b"\x02", "a boolean is neither 0 nor 1"),
        ("float", b"\0\0\0", "it ends too early"),
        ("double", b"\0" * 7, "it ends too early"),
        ("bytes", b"\x01", "a length is negative"),
        ("bytes", HUGE, "a length is negative"),
        ("bytes", MANY, "it ends too early"),
        ("string", b"\x04a", "it ends too early"),
        ("string", b"\x02\xff", "a string is not UTF-8"),
        ("string", b"\x04\xc3\x28", "a string is not UTF-8"),
        ("string", b"\x06\xed\xa0\x80", "a string is not UTF-8"),
        ("string", b"\x04\xc0\x80", "a string is not UTF-8"),
        ("string", b"\x08\xf4\x90\x80\x80", "a string is not UTF-8"),
        ("string", b"\x04\xe2\x82", "a string is not UTF-8"),
        ({"type": "fixed", "name": "F", "size": 2}, b"\0", "it ends too early"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x01", "an enum has no such symbol"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x02", "an enum has no such symbol"),
        (["null", "long"], b"\x01\x02", "a union has no such branch"),
        (["null", "long"], b"\x04\x02", "a union has no such branch"),
        ("long", b"\x02\x02", "bytes follow its end (at byte 1)"),
        ({"type": "array", "items": "null"}, MANY + b"\0", "more elements than its bytes can hold"),
        ({"type": "array", "items": "null"}, HUGE + b"\0\0", "more elements than its bytes can"),
        (
            {"type": "array", "items": record_of("null", "S")},
            MANY,
            "more elements than its bytes can",
        ),
        ({"type": "array", "items": "long"}, MANY, "it ends too early"),
        ({"type": "array", "items": "long"}, b"\x01\x01\x02\0", "a length is negative"),
        ({"type": "array", "items": "long"}, b"\xff" * 9 + b"\x01\0", "a length is negative"),
        ({"type": "map", "values": "null"}, MANY, "it ends too early"),
        ({"type": "map", "values": "long"}, b"\x02\x02\xff\x02\0", "a string is not UTF-8"),
        (LINK, b"\x02" * 100 + b"\0", "it is nested deeper than 64"),
        (LINK, b"\x02" * 900_000, "it is nested deeper than 64"),
    ],
)
def test_broken_encodings(avro, payload, says):
    assert says in problem(avro, payload)


def test_every_problem_has_its_words():
    assert sorted(PROBLEMS) == list(range(1, 12))


@pytest.mark.parametrize(
    ("avro", "payload"),
    [
        ("long", b"\xff" * 9 + b"\x01"),
        ("string", b"\x08\xf4\x8f\xbf\xbf"),
        ("string", b"\x06\xed\x9f\xbf"),
        (LINK, b"\x02" * 60 + b"\0"),
        ({"type": "array", "items": "null"}, b"\x14\0"),
    ],
)
def test_encodings_at_the_edge(avro, payload):
    assert problem(avro, payload) is None
    assert fastavro.schemaless_reader(
        io.BytesIO(payload), fastavro.parse_schema(record_of(avro)), None
    )


@pytest.mark.parametrize("items", ["long", "double", "boolean"])
@pytest.mark.parametrize("length", ["ragged", 2, 2**24])
def test_a_wanted_list_that_claims_more_than_its_bytes(items, length):
    avro = record_of({"type": "array", "items": items})
    claims = [MANY, b"\x80\x80\x80\x10", b"\x80\x80\x80\x10" + b"\x01" * 50, b"\x04\0"]
    schema = Schema((Field("x", "bool" if items == "boolean" else "float32", length=length),))
    found = decode([*claims, written({"x": []}, avro)] * 3, schema, avro)
    kinds = ["malformed"] * 4 + ([] if length == "ragged" else ["wrong_length"])
    assert [bad.kind for bad in found.bad] == kinds * 3


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=9)), min_size=1, max_size=3))
def test_bytes_put_in_anywhere_give_the_outcome_of_reading_one_by_one(changes):
    payload = written(trip(sizes=[1.0] * 5))
    for place, more in changes:
        place %= len(payload)
        payload = payload[:place] + more + payload[place + 1 :]
    compare([payload, written(trip())])


WORDS = {"type": "enum", "name": "W", "symbols": ["AB", "C"]}


@pytest.mark.parametrize("default", [{}, {"default": "new"}])
@pytest.mark.parametrize("grow", [{}, {"grow": 9}])
def test_words_of_enums_and_strings_and_defaults_among_each_other(default, grow):
    avro = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "x", "type": ["null", "string", WORDS]}],
    }
    said = [None, "é", ("W", "AB"), ("W", "C"), "", None, "C"]
    values = [written({"x": one}, avro) for one in said]
    schema = Schema((Field("x", "category" if grow else "string", **default, **grow),))
    words = {None: default.get("default"), ("W", "AB"): "AB", ("W", "C"): "C"}
    for some in (values, values[:1] * 3, values[2:4], values[1:2], values[4:]):
        found = decode(some, schema, avro)
        expected = [words.get(said[values.index(one)], said[values.index(one)]) for one in some]
        assert found.columns["x"].texts() == [w.encode() for w in expected if w is not None]
        assert [bad.index for bad in found.bad] == [n for n, w in enumerate(expected) if w is None]


def test_a_few_records_of_a_large_batch_cost_no_copy_of_it():
    values = [written({"x": "AB"}, record_of(WORDS)), b"\0" * (1 << 25)]
    batch = RecordBatch.of("t", 0, range(2), values)
    for schema in (Schema((Field("x", "string"),)), Schema((Field("x", "string", default="a"),))):
        decoder = AvroDecoder(schema, avro_schema=record_of(WORDS))
        decoder.decode(batch)
        tracemalloc.start()
        assert decoder.decode(batch).columns["x"].texts() == [b"AB"]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1 << 20


@pytest.mark.timeout(120)
def test_bombs_cost_no_more_than_their_bytes():
    bombs = [MANY + b"\0" * 3, MANY * 5, MANY + b"\x02" * 100_000]
    nothing = {"type": "array", "items": {"type": "array", "items": record_of("null", "S")}}
    schema = Schema((Field("x", "float32", length="ragged"),))
    for avro in (record_of(nothing), record_of({"type": "array", "items": "double"})):
        decode(bombs, schema, avro)
        tracemalloc.start()
        found = decode(bombs * 100, schema, avro)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(found.bad) == 300
        assert peak < 3 * 100 * sum(map(len, bombs))


@pytest.mark.parametrize("reader", [False, True])
def test_a_logical_type_of_another_type_is_none(reader):
    avro = record_of({"type": "long", "logicalType": "date"})
    found = decode(
        [written({"x": 2**40}, record_of("long"))], Schema((Field("x", "timestamp"),)), avro
    )
    assert found.columns["x"].tolist() == [2**40]


NO_SCHEMAS = [
    record_of({"type": "fixed", "name": "F", "size": -1}),
    record_of({"type": "fixed", "name": "F", "size": 2**31}),
    record_of({"type": "fixed", "name": "F", "size": "1"}),
]


@pytest.mark.parametrize("avro", NO_SCHEMAS)
def test_sizes_that_no_record_can_have(avro):
    with pytest.raises(SettingsError, match="no Avro schema: a fixed has a size from 0 to 2"):
        AvroDecoder(Schema((Field("x", "bytes"),)), avro_schema=avro)


def test_what_rounds_to_zero_is_the_same_zero_by_both_ways():
    compare([written(trip(amount=-1e-50)), written(trip(sizes=[-0.0, -1e-46]))])


def good_by_fastavro(payload, avro):
    inside = io.BytesIO(payload)
    return fastavro.schemaless_reader(inside, fastavro.parse_schema(avro), None), inside.tell()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
@example(written(trip()))
def test_random_bytes_are_good_only_if_fastavro_reads_them_whole(payload):
    found = decode([payload, None])
    if len(found.good):
        value, end = good_by_fastavro(payload, RECORD)
        assert end == len(payload)
        assert found.columns["count"].tolist() == [value["count"]]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 70), st.integers(0, 255)), max_size=3), st.integers(0, 70))
def test_damage_gives_the_outcome_of_reading_one_by_one(changes, cut):
    payload = bytearray(written(trip()))
    for place, byte in changes:
        payload[place % len(payload)] = byte
    values = [bytes(payload), bytes(payload[:cut]), written(trip(count=5))]
    compare(values)


def compare(values):
    """The outcome of whole columns must be that of reading one by one."""
    fast, slow = AvroDecoder(SCHEMA, avro_schema=RECORD), AvroDecoder(SCHEMA, avro_schema=RECORD)
    slow._alone._plans = None
    batch = RecordBatch.of("t", 0, range(len(values)), values)
    one, other = fast.decode(batch), slow.decode(batch)
    assert one.good.tolist() == other.good.tolist()
    assert one.bad == other.bad
    same_columns(one.columns, other.columns)


LEAVES = {
    "boolean": (Field("x", "bool"), st.booleans()),
    "int": (Field("x", "int32"), st.integers(-(2**31), 2**31 - 1)),
    "long": (Field("x", "int64"), st.integers(-(2**63), 2**63 - 1)),
    "float": (Field("x", "float64"), st.floats(width=32, allow_nan=False, allow_infinity=False)),
    "double": (Field("x", "float64"), st.floats(allow_nan=False, allow_infinity=False)),
    "string": (Field("x", "string"), st.text(max_size=20)),
    "bytes": (Field("x", "bytes"), st.binary(max_size=20)),
}


@pytest.mark.parametrize("avro", LEAVES)
@settings(max_examples=60, deadline=None)
@given(data=st.data(), nullable=st.sampled_from(["no", "first", "last"]))
def test_what_fastavro_writes_is_read_back(avro, data, nullable):
    field, strategy = LEAVES[avro]
    kinds = {"no": avro, "first": ["null", avro], "last": [avro, "null"]}
    whole = record_of({"no": avro}.get(nullable, kinds[nullable]))
    values = data.draw(st.lists(strategy, min_size=1, max_size=10))
    encoded = [written({"x": value}, whole) for value in values]
    found = decode(encoded, Schema((field,)), json.dumps(whole))
    assert found.bad == ()
    column = found.columns["x"]
    if isinstance(column, Ragged):
        expected = [v.encode() if isinstance(v, str) else v for v in values]
        assert column.texts() == expected
    else:
        assert column.tolist() == values
    check_decoder(lambda: AvroDecoder(Schema((field,)), avro_schema=whole), encoded[:3])


@pytest.mark.parametrize("avro", ["boolean", "int", "long", "float", "double"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_lists_that_fastavro_writes_are_read_back(avro, data):
    plain, strategy = LEAVES[avro]
    field = Field("x", plain.dtype, length="ragged")
    whole = record_of({"type": "array", "items": avro})
    values = data.draw(st.lists(st.lists(strategy, max_size=6), min_size=1, max_size=6))
    found = decode([written({"x": value}, whole) for value in values], Schema((field,)), whole)
    assert found.bad == ()
    assert [found.columns["x"].row(row).tolist() for row in range(len(values))] == values
