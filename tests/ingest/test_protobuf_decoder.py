import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Field, RecordBatch, Schema
from ingest.checks import check_decoder
from ingest.errors import SettingsError
from ingest.formats.confluent.frame import framed
from ingest.formats.protobuf.decoder import ProtobufDecoder
from ingest.formats.protobuf.schema import find_message, indexes_of, load_descriptor, message_at
from ingest.ragged import Ragged
from tests.ingest.protobuf_samples import (
    SCHEMA,
    TRIP,
    TYPES,
    decode,
    descriptor_set,
    message_class,
    town_file,
    trip,
)


def test_types_become_columns():
    found = decode(
        [trip(), trip(note="hé", kind="TRAM", sizes=[], user=None, at=None, tip={"value": 2})]
    )
    assert found.bad == ()
    columns = found.columns
    assert columns["amount"].tolist() == [2.5, 2.5]
    assert columns["count"].tolist() == [-3, -3]
    assert columns["member"].tolist() == [True, True]
    assert columns["city"].tolist() == SCHEMA.fields[3].codes(["Málaga"] * 2).tolist()
    assert columns["kind"].tolist() == [2, 0]
    assert columns["at"].tolist() == [1714979289123, 0]
    assert columns["note"].texts() == [b"none", "hé".encode()]
    assert columns["sizes"].row(0).tolist() == [1.5, 0.0]
    assert columns["sizes"].lengths.tolist() == [2, 0]
    assert columns["user.age"].tolist() == [40, -1]
    assert columns["tip"].tolist() == [0.5, 2.0]
    assert columns["photo"].texts() == [b"\0\xff"] * 2
    assert columns["tags"].row(0).tolist() == SCHEMA.fields[11].codes(["a", "b"]).tolist()
    assert columns["extra"].tolist() == [7, 7]
    assert {field.name: field.numpy_dtype for field in SCHEMA.fields} == {
        name: column.dtype for name, column in columns.items()
    }


def test_an_empty_message_has_the_zeros_of_proto3():
    found = decode([b""])
    assert found.bad == ()
    plain = {
        name: c.row(0).tolist() if isinstance(c, Ragged) else c[0].item()
        for name, c in found.columns.items()
    }
    assert plain == {
        "amount": 0.0,
        "count": 0,
        "member": False,
        "city": 0,
        "kind": 1,
        "at": 0,
        "note": list(b"none"),
        "sizes": [],
        "user.age": -1,
        "tip": 0.5,
        "photo": [],
        "tags": [],
        "extra": 0,
    }


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        (Field("note", "string"), trip(), "missing_field"),
        (Field("at", "timestamp"), trip(at=None), "missing_field"),
        (Field("user.age", "int64"), trip(user=None), "missing_field"),
        (Field("user", "int64"), trip(), "wrong_type"),
        (Field("ghost", "int64"), trip(), "missing_field"),
        (Field("city.name", "string"), trip(), "missing_field"),
        (Field("tags.name", "string"), trip(), "missing_field"),
        (Field("at", "int64"), trip(), "wrong_type"),
        (Field("amount", "float32"), trip(amount=1e39), "not_finite"),
        (Field("amount", "float32"), trip(amount=float("nan")), "not_finite"),
        (Field("amount", "float32", role="weight"), trip(amount=-1e-50), "out_of_range"),
        (Field("amount", "int32"), trip(), "wrong_type"),
        (Field("extra", "int64"), trip(extra=2**63), "out_of_range"),
        (Field("extra", "int32"), trip(extra=2**31), "out_of_range"),
        (Field("member", "int32"), trip(), "wrong_type"),
        (Field("count", "bool"), trip(), "wrong_type"),
        (Field("sizes", "float32"), trip(), "wrong_type"),
        (Field("sizes", "float32", length=3), trip(), "wrong_length"),
        (Field("amount", "float32", length=1), trip(), "wrong_type"),
        (Field("city", "bytes"), trip(), "wrong_type"),
        (Field("photo", "string"), trip(), "wrong_type"),
        (Field("city", "timestamp"), trip(), "wrong_type"),
        (Field("kind", "category", vocabulary=("CAR",), role="label"), trip(), "unknown_label"),
    ],
)
def test_values_that_do_not_fit(field, value, kind):
    more = () if field.role == "feature" else (Field("member", "bool"),)
    found = decode([value, value], Schema((field, *more)))
    assert [bad.kind for bad in found.bad] == [kind] * 2
    assert field.name in found.bad[0].reason


def test_one_odd_record_changes_no_other():
    values = [trip(amount=n) for n in range(5)]
    odd = [trip(amount=2e6), trip(extra=2**64 - 1), trip(kind=77)]
    found = decode(values[:2] + odd + values[2:])
    assert found.good.tolist() == [0, 1, 4, 5, 6, 7]
    assert found.columns["amount"].tolist() == [0, 1, 2.5, 2, 3, 4]
    assert found.columns["kind"].tolist() == [2, 2, 0, 2, 2, 2]
    assert [(bad.index, bad.kind) for bad in found.bad] == [
        (2, "out_of_range"),
        (3, "out_of_range"),
    ]


def test_enums_are_names_or_numbers():
    schema = Schema(
        (Field("kind", "string"), Field("count", "float64"), Field("sizes", "float32", length=2))
    )
    found = decode([trip(), trip(kind="TRAM")], schema)
    assert found.columns["kind"].texts() == [b"BUS", b"TRAM"]
    assert found.columns["count"].tolist() == [-3.0, -3.0]
    assert found.columns["sizes"].tolist() == [[1.5, 0.0]] * 2
    assert decode([trip()], Schema((Field("kind", "int32"),))).columns["kind"].tolist() == [2]


@pytest.mark.parametrize(
    "payload", [b"\0", b"\x0b", b"\x0a\x05a", b"\x09\0", b"\xff" * 20, b"\x22\x01\xff"]
)
def test_bytes_that_are_no_message(payload):
    found = decode([trip(), payload])
    assert found.good.tolist() == [0]
    assert [(bad.index, bad.kind) for bad in found.bad] == [(1, "malformed")]
    assert found.bad[0].reason.startswith("no town.Trip: ")


def test_messages_nested_without_end():
    file = town_file([("amount", "double"), ("down", ".town.Trip")])
    payload = b""
    for _ in range(300):
        payload = b"\x12" + varint(len(payload)) + payload
    schema = Schema((Field("amount", "float32"),))
    found = decode([payload], schema, descriptor=descriptor_set(file))
    assert [bad.kind for bad in found.bad] == ["malformed"]


def varint(number):
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def test_fields_that_the_message_does_not_know_are_ignored():
    newer = message_class("town.Trip", town_file([("amount", "double"), ("count", "int32")]))
    older = decode(
        [trip()],
        Schema((Field("amount", "float32"),)),
        descriptor=descriptor_set(town_file([("amount", "double")])),
    )
    assert older.columns["amount"].tolist() == [2.5]
    found = decode([newer(amount=1, count=2).SerializeToString()])
    assert found.columns["count"].tolist() == [2]


def test_the_contract_of_decoders():
    values = [trip(), None, b"", b"\0", trip(amount=2e6), trip(photo=b"x" * 3000), trip(note="n")]
    make = lambda: ProtobufDecoder(  # noqa: E731
        SCHEMA, message="town.Trip", descriptor=descriptor_set(), max_record_bytes=2000
    )
    assert check_decoder(make, values) == {
        1: "null_value",
        3: "malformed",
        4: "out_of_range",
        5: "too_large",
    }


def test_framed_messages_say_which_of_the_file_they_are():
    values = [
        framed(1, b"\x02\x02" + trip()),
        framed(9, b"\x02\x02" + trip(count=4)),
        framed(1, b"\0" + b"\x0a\x01x"),
        framed(1, b""),
        framed(1, b"\x02\x02"),
        trip(),
    ]
    found = decode(values, framed=True)
    assert found.good.tolist() == [0, 1, 4]
    assert found.columns["count"].tolist() == [-3, 4, 0]
    assert [(bad.index, bad.kind) for bad in found.bad] == [
        (2, "wrong_type"),
        (3, "not_framed"),
        (5, "not_framed"),
    ]
    assert found.bad[0].reason == (
        "schema 1: the record is message [0] of its file, and town.Trip is [1]"
    )


def test_places_of_messages_in_their_file():
    pool = load_descriptor(descriptor_set())
    for name, place in (
        ("town.Stop", (0,)),
        ("town.Trip", (1,)),
        ("town.Trip.Seat", (1, 0)),
        ("town.Trip.User", (1, 1)),
    ):
        message = find_message(pool, name)
        assert indexes_of(message) == place
        assert message_at(message.file, place).full_name == name
    assert message_at(message.file, (2,)) is None
    assert message_at(message.file, (0, 0)) is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"descriptor": b""}, "it describes no file"),
        ({"descriptor": b"\xff\xff"}, "expected what protoc"),
        ({"descriptor": "nowhere.pb"}, "nowhere.pb cannot be read"),
        ({"message": "Trip"}, "no message 'Trip'"),
        ({"descriptor": None}, "expected a descriptor or a schema_registry"),
    ],
)
def test_settings_that_cannot_be(options, says):
    with pytest.raises(SettingsError) as caught:
        decode([], **options)
    assert says in str(caught.value)


def test_a_descriptor_without_its_imports(tmp_path):
    file = town_file()
    file.dependency.append("other.proto")
    path = tmp_path / "town.pb"
    path.write_bytes(descriptor_set(file))
    with pytest.raises(SettingsError, match=r"the import other\.proto is not there"):
        decode([], descriptor=path)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=3))
def test_random_bytes_never_raise(values):
    found = decode([*values, trip()])
    assert len(found.good) + len(found.bad) == len(values) + 1
    for place in found.good.tolist()[:-1]:
        TRIP.FromString(values[place])


INTEGERS = {"int32": 32, "sint32": 32, "sfixed32": 32, "int64": 64, "sint64": 64, "sfixed64": 64}


@pytest.mark.parametrize("kind", [kind for kind in TYPES if not kind.startswith(("uint", "fixed"))])
@settings(max_examples=40, deadline=None)
@given(data=st.data(), label=st.sampled_from(["", "optional ", "repeated "]))
def test_what_protobuf_writes_is_read_back(kind, data, label):
    file = town_file([("x", label + kind)])
    made = message_class("town.Trip", file)
    bits = INTEGERS.get(kind, 64)
    one, dtype = {
        "double": (st.floats(allow_nan=False, allow_infinity=False), "float64"),
        "float": (st.floats(allow_nan=False, allow_infinity=False, width=32), "float64"),
        "bool": (st.booleans(), "bool"),
        "string": (st.text(max_size=9), "string"),
        "bytes": (st.binary(max_size=9), "bytes"),
    }.get(kind, (st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1), f"int{bits}"))
    listed = label == "repeated " and dtype not in ("string", "bytes")
    if label == "repeated " and not listed:
        return
    values = data.draw(
        st.lists(st.lists(one, max_size=4) if listed else one, min_size=1, max_size=5)
    )
    field = Field("x", dtype, length="ragged" if listed else None)
    payloads = [made(x=value).SerializeToString() for value in values]
    decoder = ProtobufDecoder(
        Schema((field,)), message="town.Trip", descriptor=descriptor_set(file)
    )
    found = decoder.decode(RecordBatch.of("t", 0, range(len(values)), payloads))
    assert found.bad == ()
    column = found.columns["x"]
    if listed:
        assert [column.row(row).tolist() for row in range(len(values))] == values
    elif isinstance(column, Ragged):
        assert column.texts() == [v.encode() if isinstance(v, str) else v for v in values]
    else:
        assert column.tolist() == values
