import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Field, JsonDecoder, RecordBatch, Schema
from ingest.checks import check_decoder
from ingest.formats.confluent.frame import Unframed, framed, group_rows, unframe
from ingest.formats.protobuf.indexes import DEEPEST, read_indexes

SCHEMA = Schema((Field("amount", "float32"), Field("city", "string")))


def batch(values):
    return RecordBatch.of("t", 0, range(len(values)), values, keys=[b"key"] * len(values))


def test_ids_and_payloads():
    found = unframe(batch([framed(7, b"abc"), framed(2**32 - 1, b""), framed(7, b"\0")]))
    assert found.rows.tolist() == [0, 1, 2]
    assert found.ids.tolist() == [7, 2**32 - 1, 7]
    assert [found.payload.value(row) for row in range(3)] == [b"abc", b"", b"\0"]
    assert found.payload.key(0) == b"key"
    assert found.bad == ()
    assert [(key.tolist(), rows.tolist()) for key, rows in group_rows(found.ids[:, None])] == [
        ([7], [0, 2]),
        ([2**32 - 1], [1]),
    ]


def test_payloads_are_not_copied():
    whole = batch([framed(1, b"abc")])
    assert unframe(whole).payload.buffer is whole.buffer


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        (None, "null_value", "a tombstone"),
        (b"", "not_framed", "expected at least the 5 bytes of Confluent's frame, got 0"),
        (b"\0\0\0\1", "not_framed", "expected at least the 5 bytes of Confluent's frame, got 4"),
        (b'{"a": 1}', "not_framed", "expected Confluent's magic byte 0, got 123"),
        (b"{", "not_framed", "expected Confluent's magic byte 0, got 123"),
        (b"\1" + b"g" * 16, "not_framed", "got 1, of a schema's GUID"),
        (b"\xff" * 9, "not_framed", "schema.id.serializer = prefix"),
    ],
)
def test_values_without_a_frame(value, kind, says):
    found = unframe(batch([framed(1, b"a"), value, framed(2, b"b")]))
    assert found.rows.tolist() == [0, 2]
    assert found.ids.tolist() == [1, 2]
    assert [(bad.index, bad.kind) for bad in found.bad] == [(1, kind)]
    assert says in found.bad[0].reason


def test_nothing_but_values_without_a_frame():
    found = unframe(batch([None, b"x"]))
    assert found.payload is None
    assert len(found.rows) == len(found.ids) == 0
    assert list(group_rows(found.ids[:, None])) == []
    assert [bad.index for bad in found.bad] == [0, 1]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.none()
        | st.binary(max_size=12)
        | st.builds(framed, st.integers(0, 9), st.binary(max_size=4)),
        min_size=1,
    )
)
def test_each_value_is_as_if_alone(values):
    found = unframe(batch(values))
    assert sorted([*found.rows.tolist(), *[bad.index for bad in found.bad]]) == list(
        range(len(values))
    )
    for place, (row, schema_id) in enumerate(
        zip(found.rows.tolist(), found.ids.tolist(), strict=True)
    ):
        assert framed(schema_id, found.payload.value(place)) == values[row]


@given(st.lists(st.tuples(*[st.integers(-1, 2)] * 3), max_size=30))
def test_rows_in_groups(keys):
    found = group_rows(np.array(keys, np.int64).reshape(-1, 3))
    assert [(tuple(key.tolist()), places.tolist()) for key, places in found] == [
        (key, [place for place, one in enumerate(keys) if one == key]) for key in sorted(set(keys))
    ]


@pytest.mark.timeout(60)
def test_as_many_groups_as_rows():
    keys = np.arange(400_000).reshape(-1, 2)[::-1]
    assert sum(len(places) for _, places in group_rows(keys)) == 200_000


def row(**changes):
    return json.dumps({"amount": 1.5, "city": "Rome", **changes}).encode()


def test_framed_json():
    values = [framed(3, row()), row(), None, framed(4, row(amount="x")), framed(5, row(amount=2))]
    found = Unframed(JsonDecoder(SCHEMA)).decode(batch(values))
    assert found.good.tolist() == [0, 4]
    assert found.columns["amount"].tolist() == [1.5, 2.0]
    assert [(bad.index, bad.kind) for bad in found.bad] == [
        (1, "not_framed"),
        (2, "null_value"),
        (3, "wrong_type"),
    ]


def test_a_frame_counts_as_part_of_the_record():
    value = framed(3, row())
    for most, good in ((len(value), [0]), (len(value) - 1, [])):
        found = Unframed(JsonDecoder(SCHEMA, most), most).decode(batch([value]))
        assert found.good.tolist() == good
        assert len(found.columns["city"]) == len(good)
    assert found.bad[0].kind == "too_large"
    assert f"the value has {len(value)} bytes" in found.bad[0].reason


def test_no_framed_json_at_all():
    found = Unframed(JsonDecoder(SCHEMA)).decode(batch([b"x", None]))
    assert len(found.good) == 0
    assert found.columns["amount"].dtype == np.float32
    assert len(found.columns["city"]) == 0


def test_the_contract_of_decoders():
    values = [framed(n, row(amount=n)) for n in range(4)]
    values += [None, b"", b"\0\0\0\0\1", b"nothing", framed(1, b"{"), framed(1, row(city=1))]
    kinds = check_decoder(lambda: Unframed(JsonDecoder(SCHEMA)), values)
    assert kinds == {
        4: "null_value",
        5: "not_framed",
        6: "not_json",
        7: "not_framed",
        8: "not_json",
        9: "wrong_type",
    }


def indexes(*values):
    buffer = np.frombuffer(b"".join(values), np.uint8)
    lengths = np.array([len(value) for value in values], np.int64)
    paths, taken = read_indexes(buffer, np.cumsum(lengths) - lengths, lengths)
    return [(path[path >= 0].tolist(), int(size)) for path, size in zip(paths, taken, strict=True)]


def test_message_indexes():
    assert indexes(b"\0rest", b"\x02\x06x", b"\x04\x02\x00", b"\x02\x00", b"\x02\xac\x02") == [
        ([0], 1),
        ([3], 2),
        ([1, 0], 3),
        ([0], 2),
        ([150], 3),
    ]


def test_message_indexes_that_cannot_be_read():
    deep = bytes([2 * (DEEPEST + 1)]) + b"\2" * 20
    broken = [
        b"",
        b"\x02",
        b"\x80",
        b"\x01\0",
        b"\x02\x01",
        deep,
        b"\x80" * 9,
        b"\x02" + b"\xff" * 5,
    ]
    assert [size for _, size in indexes(*broken)] == [-1] * len(broken)
    assert indexes(bytes([2 * DEEPEST]) + b"\2" * DEEPEST)[0] == ([1] * DEEPEST, DEEPEST + 1)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=12), min_size=1, max_size=5))
def test_random_message_indexes_stay_inside(values):
    for value, (_, size) in zip(values, indexes(*values), strict=True):
        assert size <= len(value)
