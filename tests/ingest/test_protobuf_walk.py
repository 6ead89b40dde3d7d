"""Messages that are walked through give what protobuf's own parser gives, also when damaged."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest import Field, RecordBatch, Schema
from ingest.formats.protobuf.columns import plan_message
from ingest.formats.protobuf.decoder import ProtobufDecoder
from ingest.formats.protobuf.schema import find_message, load_descriptor
from tests.ingest.protobuf_samples import (
    FIELDS,
    SCHEMA,
    TYPES,
    descriptor_set,
    message_class,
    town_file,
)
from tests.ingest.same_columns import same_columns

# Without lists of words: the walk leaves those to protobuf.
WALKED = Schema(tuple(field for field in SCHEMA.fields if field.name != "tags"))
KINDS = [*FIELDS, *[(f"a_{kind}", kind) for kind in TYPES], ("packed", "repeated sint64")]
KINDS += [
    ("many", "repeated fixed32"),
    ("flags", "repeated bool"),
    ("users", "repeated .town.Trip.User"),
]
FILE = town_file(KINDS)
MADE = message_class("town.Trip", FILE)
NUMBERS = Schema(
    (
        *WALKED.fields,
        *[
            Field(f"a_{kind}", "float64" if kind in ("double", "float") else "int64")
            for kind in TYPES
            if kind not in ("bool", "string", "bytes")
        ],
        Field("a_bool", "bool"),
        Field("packed", "int32", length="ragged"),
        Field("many", "float64", length=2, default=1.0),
        Field("flags", "bool", length="ragged"),
    )
)


def both(values, schema=NUMBERS, file=FILE):
    """Outcomes with and without the walk, and whether the first was all by the walk."""
    batch = RecordBatch.of("t", 0, range(len(values)), values)
    fast, slow = (
        ProtobufDecoder(schema, message="town.Trip", descriptor=descriptor_set(file))
        for _ in range(2)
    )
    slow._type._columns = None
    assert fast._type._columns is not None
    _, fine = fast._type._columns.decode(batch.buffer, batch.value_start, batch.value_length)
    return fast.decode(batch), slow.decode(batch), fine


def same(one, other):
    assert one.good.tolist() == other.good.tolist()
    assert one.bad == other.bad
    same_columns(one.columns, other.columns)


def sample(**changes):
    values = {"packed": [1, -2], "many": [3, 4], "flags": [True], "users": [{"age": 1}]}
    values |= {"amount": 1.5, "kind": "BUS", "a_sint32": -5, "a_sfixed32": -6, "city": "é"}
    values |= {"at": {"seconds": -1, "nanos": 5_000_000}, "tip": {"value": 2}, "a_float": 0.1}
    return MADE(**(values | changes)).SerializeToString()


def test_what_writers_write_is_walked():
    values = [sample(), sample(note="n", user={"age": 4}), sample(a_int32=-1, a_sint64=-(2**63))]
    one, other, fine = both(values)
    assert one.bad == ()
    assert fine.all()
    same(one, other)


@pytest.mark.parametrize(
    ("payload", "walked"),
    [
        (b"", False),  # of `many`, too few
        (sample() + sample(), False),  # lists in two pieces
        (sample(packed=[], many=[], flags=[]) * 2, False),  # of `many`, too few
        (sample(many=[1]), False),
        (sample(amount=-1e-50, sizes=[-0.0]), True),  # zeros, both
        (sample(kind=77), False),  # a number without a name
        (sample(a_uint64=2**63), False),
        (sample(at={"seconds": 2**60}), False),
        (sample(at={"seconds": -(2**63)}), False),
        (sample() + b"\xf8\x3f\x01\xfa\x3f\x01a\xf9\x3f12345678\xfd\x3f1234", True),  # unknown
        (sample() + b"\xfb\x3f\xfc\x3f", False),  # a group
        (sample() + b"\x18\x05", False),  # a boolean that is 5
        (sample() + b"\x18\x81\x00", False),  # a one that takes two bytes
        (sample() + b"\x10\xff\xff\xff\xff\x1f", False),  # more than 32 bits
        (sample() + b"\x15\0\0\0\0", False),  # another wire type
        (sample() + b"\x4a\x02\x08", False),  # cut off
        (sample() + b"\x4a\x02\x08\x09\x4a\0", True),  # a message in two pieces
    ],
)
def test_odd_messages(payload, walked):
    one, other, fine = both([payload, sample()])
    same(one, other)
    assert fine.tolist() == [walked, True]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=3),
    st.integers(0, 120),
    st.binary(max_size=12),
)
@example([], 0, b"")
def test_damage_gives_the_same_outcome(changes, cut, more):
    payload = bytearray(sample())
    for place, byte in changes:
        payload[place % len(payload)] = byte
    one, other, _ = both([bytes(payload), bytes(payload[:cut]), sample() + more, more])
    same(one, other)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_values_give_the_same_outcome(data):
    ranges = {"uint32": (0, 2**32), "uint64": (0, 2**64), "fixed32": (0, 2**32)}
    ranges |= {"fixed64": (0, 2**64)}
    changes = {}
    for kind in data.draw(st.lists(st.sampled_from(sorted(TYPES)), max_size=6)):
        bits = 32 if kind.endswith("32") else 64
        low, end = ranges.get(kind, (-(2 ** (bits - 1)), 2 ** (bits - 1)))
        strategy = {
            "double": st.floats(),
            "float": st.floats(width=32),
            "bool": st.booleans(),
            "string": st.text(max_size=5),
            "bytes": st.binary(max_size=5),
        }.get(kind, st.integers(low, end - 1))
        changes[f"a_{kind}"] = data.draw(strategy)
    changes["packed"] = data.draw(st.lists(st.integers(-(2**40), 2**40), max_size=4))
    one, other, _ = both([sample(**changes)])
    same(one, other)


def test_fields_are_found_in_any_order_of_their_numbers():
    file = town_file([(f"x{n}", "int32") for n in range(40)])
    for place, field in enumerate(file.message_type[1].field):
        field.number = 1 + place * 7 % 97
    made = message_class("town.Trip", file)
    schema = Schema(tuple(Field(f"x{n}", "int32") for n in range(0, 40, 3)))
    whole = made(**{f"x{n}": n + 1 for n in range(40)}).SerializeToString()
    parts = [made(**{f"x{n}": n + 1}).SerializeToString() for n in range(40)]
    unknown = [b"\x80\x0f\x01", b"\xf8\x06\x01"]
    one, other, fine = both(
        [whole, *[b"".join([*unknown, *parts[n:], *parts[:n]]) for n in range(40)]], schema, file
    )
    same(one, other)
    assert fine.all()
    assert one.columns["x39"].tolist() == [40] * 41


def planned(file, *fields):
    message = find_message(load_descriptor(descriptor_set(file)), "town.Trip")
    return plan_message(fields, message)


def test_types_that_are_left_to_protobuf():
    amount = Field("amount", "float32")
    assert planned(town_file(), amount) is not None
    older = town_file([("amount", "double")])
    older.syntax = "proto2"
    assert planned(older, amount) is None
    choice = town_file([("amount", "double"), ("other", "double")])
    choice.message_type[1].oneof_decl.add(name="either")
    for field in choice.message_type[1].field:
        field.oneof_index = 0
    assert planned(choice, amount) is None
    assert planned(town_file(), Field("user", "string")) is None
    assert planned(town_file(), *SCHEMA.fields) is None  # a list of words
    assert planned(town_file(), Field("at", "timestamp", default=1)) is not None


def test_messages_within_themselves_are_walked_to_a_depth():
    file = town_file([("amount", "double"), ("down", ".town.Trip")])
    schema = Schema((Field("amount", "float32"), Field("down.down.amount", "float32", default=-1)))
    deep = [b"\x09\0\0\0\0\0\0\xf0\x3f"]
    for _ in range(40):
        deep.append(b"\x12" + bytes([len(deep[-1])]) + deep[-1])
        if len(deep[-1]) > 120:
            break
    one, other, fine = both(deep[:3] + deep[-1:], schema, file)
    same(one, other)
    assert one.columns["down.down.amount"].tolist()[:3] == [-1, -1, 1]
    assert fine[:3].all()
