import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Field, JsonDecoder, RecordBatch, Schema
from ingest.checks import check_decoder
from ingest.formats.json.record import RecordParser
from ingest.formats.values import BadValueError
from tests.ingest.samples import SCHEMA, encoded, record

BAD = {
    "a tombstone": (None, "null_value"),
    "too large": (encoded(user="x" * 3000), "too_large"),
    "empty": (b"", "not_json"),
    "blank": (b" \n ", "not_json"),
    "not JSON": (b"hello", "not_json"),
    "not UTF-8": (encoded(user="X").replace(b"X", b"\xff"), "not_json"),
    "not UTF-8 in another field": (encoded(other="X").replace(b"X", b"\xc0\x80"), "not_json"),
    "an array": (b"[1, 2]", "not_json"),
    "a number": (b"17", "not_json"),
    "null": (b"null", "not_json"),
    "cut off": (encoded()[:-1], "not_json"),
    "trailing text": (encoded() + b" x", "not_json"),
    "two objects": (encoded() + encoded(), "not_json"),
    "two objects on two lines": (encoded() + b"\n" + encoded(), "not_json"),
    "a trailing comma": (encoded()[:-1] + b",}", "not_json"),
    "a byte order mark": (b"\xef\xbb\xbf" + encoded(), "not_json"),
    "a zero byte": (encoded() + b"\0}", "not_json"),
    "single quotes": (encoded().replace(b'"', b"'"), "not_json"),
    "a control character": (encoded(user="X").replace(b"X", b"\x01"), "not_json"),
    "a lone surrogate": (encoded(user="X").replace(b"X", b"\\udc00"), "not_json"),
    "too deep": (encoded(other=json.loads("[" * 200 + "]" * 200)), "not_json"),
    "missing field": (b"{}", "missing_field"),
    "null field": (encoded(amount=None), "wrong_type"),
    "null category": (encoded(city=None), "wrong_type"),
    "string for a number": (encoded(amount="abc"), "wrong_type"),
    "number for a string": (encoded(city=1), "wrong_type"),
    "bool for a number": (encoded(amount=True), "wrong_type"),
    "bool for an integer": (encoded(count=False), "wrong_type"),
    "float for an integer": (encoded(count=1.0), "wrong_type"),
    "number for a bool": (encoded(member=1), "wrong_type"),
    "object for a number": (encoded(amount={}), "wrong_type"),
    "above int32": (encoded(count=2**31), "out_of_range"),
    "below int32": (encoded(count=-(2**31) - 1), "out_of_range"),
    "above int64": (encoded(big=2**63), "out_of_range"),
    "far above int64": (encoded(big=10**40), "out_of_range"),
    "NaN": (encoded(amount=float("nan")), "not_finite"),
    "Infinity": (encoded(amount=float("-inf")), "not_finite"),
    "NaN in another field": (encoded(other=float("nan")), "not_finite"),
    "above float32": (encoded(amount=3.5e38), "not_finite"),
    "above float64": (encoded(amount=0.5).replace(b"0.5", b"1e999"), "not_finite"),
    "an integer above float64": (encoded(amount=10**400), "not_finite"),
    "unknown label": (encoded(late="perhaps"), "unknown_label"),
    "negative weight": (encoded(weight=-1), "out_of_range"),
    "a weight that rounds to minus zero": (encoded(weight=-1e-50), "out_of_range"),
    "NaN in a string without an end": (b'{"user": "NaN ', "not_json"),
    "infinite weight": (encoded(weight=1e300), "not_finite"),
}
GOOD = {
    "plain": encoded(1),
    "spaces": b"  " + encoded(2).replace(b": ", b" :\t") + b"\r\n",
    "several lines": json.dumps(record(3), indent=2).encode(),
    "another order": json.dumps(dict(reversed(record(4).items()))).encode(),
    "escapes": json.dumps(record(5, user='é"\\/\n\u0001😀')).encode(),
    "escaped key": encoded(6).replace(b'"count"', b'"co\\u0075nt"'),
    "unknown category": encoded(7, city="Atlantis"),
    "empty category": encoded(8, user="", city=""),
    "other fields": encoded(9, other={"amount": [1, {"x": None}]}),
    "a large number in another field": encoded(9, other=10**400),
    "1e999 in another field": encoded(9, other=0.25).replace(b"0.25", b"1e999"),
    "a key twice": b'{"amount": "x", "city": 3, ' + encoded(10)[1:],
    "an integer for a float": encoded(11, amount=3),
    "exponents": encoded(12, amount=0.5).replace(b"0.5", b"-12.5E-1"),
    "minus zero": encoded(13, amount=0.5).replace(b"0.5", b"-0"),
    "minus zero point zero": encoded(13, amount=-0.0),
    "integer minus zero": encoded(13, count=77).replace(b"77", b"-0"),
    "tiny": encoded(14, amount=1e-300),
    "minus tiny": encoded(14, amount=-1e-50),
    "minus tiny, the slow way": b'{"amount": 1, ' + encoded(14, amount=-1e-50)[1:],
    "the largest float32": encoded(15, amount=float(np.finfo(np.float32).max)),
    "the ends of integers": encoded(16, count=-(2**31), big=2**63 - 1),
    "the other ends": encoded(17, count=2**31 - 1, big=-(2**63)),
    "weight 0": encoded(18, weight=0),
    "199 deep": encoded(19, other=json.loads("[" * 199 + "]" * 199)),
    "wide": encoded(20, other=[[]] * 400),
    "a string of brackets": encoded(21, other="[" * 500 + '"'),
    "the word NaN": encoded(22, user="NaN Infinity"),
}
BOUNDS = {
    "amount": {"minimum": -0.5, "maximum": 5.3},
    "count": {"minimum": 2.5, "maximum": 60},
    "big": {"maximum": 2**53},
    "weight": {"minimum": 1, "maximum": 3},
}
BOUNDED = Schema(tuple(replace(f, **BOUNDS.get(f.name, {})) for f in SCHEMA.fields))


def decoder(**options):
    return JsonDecoder(SCHEMA, **{"max_record_bytes": 2500, **options})


def decode(values, made=None):
    return (made or decoder()).decode(RecordBatch.of("a", 0, range(len(values)), values))


def test_conformance():
    values = [value for value, _ in BAD.values()]
    kinds = check_decoder(decoder, [*GOOD.values(), *values])
    expected = {len(GOOD) + at: kind for at, (_, kind) in enumerate(BAD.values())}
    assert kinds == expected


@pytest.mark.parametrize("name", BAD)
def test_each_kind_of_bad_record(name):
    value, kind = BAD[name]
    found = decode([encoded(1), value, encoded(2)])
    assert found.good.tolist() == [0, 2]
    assert [(bad.index, bad.kind) for bad in found.bad] == [(1, kind)]
    assert len(found.bad[0].reason) < 400
    assert found.columns["count"].tolist() == [1, 2]


@pytest.mark.parametrize("name", GOOD)
def test_each_odd_but_good_record(name):
    found = decode([encoded(1), GOOD[name], encoded(2)])
    assert found.bad == ()
    values = json.loads(GOOD[name])
    assert found.columns["amount"][1] == np.float32(values["amount"])
    assert not np.signbit(found.columns["amount"][1]) or found.columns["amount"][1] < 0
    assert found.columns["count"][1] == values["count"]
    assert found.columns["big"][1] == values["big"]
    assert found.columns["user"][1] == SCHEMA.fields[5].codes([values["user"]])[0]


def test_values_and_dtypes():
    found = decode([encoded(n) for n in range(5)])
    assert {name: column.dtype for name, column in found.columns.items()} == {
        f.name: f.numpy_dtype for f in SCHEMA.fields
    }
    assert found.columns["amount"].tolist() == [0, 0.125, 0.25, 0.375, 0.5]
    assert found.columns["member"].tolist() == [True, False, True, False, True]
    assert found.columns["city"].tolist() == [1, 2, 0, 1, 2]
    assert found.columns["late"].tolist() == [0, 1, 0, 1, 0]
    assert found.good.dtype == np.int64


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (
            encoded(amount="abc"),
            'field "amount": expected float32, got "abc" (schema.features.amount)',
        ),
        (
            encoded(late="perhaps"),
            'field "late": expected a label of the vocabulary, got "perhaps" (schema.label)',
        ),
        (
            encoded(weight=-1.5),
            'field "weight": expected a weight of at least 0, got -1.5 (schema.weight)',
        ),
        (b"{}", 'field "amount": missing (schema.features.amount)'),
        (None, "the record has no value (a tombstone)"),
    ],
)
def test_reasons_say_what_to_change(value, reason):
    assert [bad.reason for bad in decode([value]).bad] == [reason]


@pytest.mark.parametrize(
    ("bounds", "good", "bad", "expected"),
    [
        ({"minimum": 0, "maximum": 23}, (0, 23), (-1, 24, 99, 2**40), "int32 from 0 to 23"),
        ({"minimum": 0.5}, (1, 2**31 - 1), (0, -5), "int32 of at least 1"),
        ({"maximum": 8}, (8, -(2**31)), (9,), "int32 of at most 8"),
    ],
)
def test_numbers_out_of_bounds_are_bad(bounds, good, bad, expected):
    schema = Schema((Field("hour", "int32", **bounds), Field("y", "bool", "label")))
    lines = [json.dumps({"hour": n, "y": True}).encode() for n in (*good, *bad)]
    found = decode(lines, JsonDecoder(schema))
    assert found.columns["hour"].tolist() == list(good)
    assert [(record.kind, record.reason) for record in found.bad] == [
        ("out_of_range", f'field "hour": expected {expected}, got {n} (schema.features.hour)')
        for n in bad
    ]


def test_only_the_bad_rows_of_a_large_batch_are_bad():
    values = [encoded(n) for n in range(20_000)]
    wrong = {7: b"x", 8: None, 9_000: encoded(amount=None), 19_999: b"{"}
    for place, value in wrong.items():
        values[place] = value
    found = decode(values)
    assert [bad.index for bad in found.bad] == sorted(wrong)
    assert found.columns["count"].tolist() == [n for n in range(20_000) if n not in wrong]


def test_a_default_that_rounds_to_minus_zero_is_zero():
    schema = Schema((Field("x", "float32", default=-1e-50), Field("n", "int64", default=0)))
    found = decode([b"{}", b'{"n":1,"n":2}'], JsonDecoder(schema))
    assert found.columns["x"].tobytes() == bytes(8)


def test_names_that_are_no_identifiers():
    schema = Schema(
        (Field("a b", "float32"), Field("é.$", "bool"), Field("class", "int32", "label"))
    )
    value = json.dumps({"a b": 1.5, "é.$": True, "class": 3}).encode()
    for values in ([value], [value, b"x"]):
        found = decode(values, JsonDecoder(schema))
        assert [column.tolist() for column in found.columns.values()] == [[1.5], [True], [3]]


def test_the_limit_of_bytes_is_exact():
    value = encoded(1)
    assert decode([value], decoder(max_record_bytes=len(value))).bad == ()
    assert decode([value], decoder(max_record_bytes=len(value) - 1)).bad[0].kind == "too_large"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["no", "yes", "Oslo", -0.0, 5.3, 1e39, 2**31, 2**53, 2**53 + 1, 2**63]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)
names = st.sampled_from([*[f.name for f in SCHEMA.fields], "other"])


@st.composite
def values(draw):
    """Records that are good, or wrong in a field, or damaged in their bytes."""
    fields = record(
        draw(st.integers(0, 99)), **draw(st.dictionaries(names, json_values, max_size=2))
    )
    for name in draw(st.sets(names, max_size=1)):
        fields.pop(name, None)
    pad = draw(st.sampled_from([None, 0, 1]))
    value = json.dumps(fields, indent=pad, ensure_ascii=draw(st.booleans()), skipkeys=True)
    raw = value.encode("utf-8", "surrogatepass")
    if draw(st.booleans()):
        place = draw(st.integers(0, len(raw)))
        raw = raw[:place] + draw(st.binary(max_size=2)) + raw[place + draw(st.integers(0, 2)) :]
    return raw


def slow(raw, schema=SCHEMA):
    """The parser of single records: (kind, None) or (None, values)."""
    try:
        return None, RecordParser(schema).parse(raw)
    except BadValueError as error:
        return error.kind, None


@settings(deadline=None, max_examples=400)
@given(st.lists(values(), min_size=1, max_size=6), st.sampled_from([SCHEMA, BOUNDED]))
def test_the_fast_path_agrees_with_the_slow_one(batch, schema):
    found = decode(batch, JsonDecoder(schema))
    expected = [slow(raw, schema) for raw in batch]
    assert {b.index: b.kind for b in found.bad} == {
        at: kind for at, (kind, _) in enumerate(expected) if kind
    }
    good = [values for kind, values in expected if kind is None]
    for field in SCHEMA.fields:
        column = np.array([row[field.name] for row in good]).astype(field.numpy_dtype)
        column = column + 0.0 if column.dtype == np.float32 else column
        assert found.columns[field.name].tobytes() == column.tobytes()


@settings(deadline=None, max_examples=300)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_round_to_float32_as_numpy_does(number):
    with np.errstate(over="ignore"):
        expected = np.float32(number)
    found = decode([encoded(amount=number)])
    if np.isfinite(expected):
        assert found.columns["amount"].tolist() == [float(expected)]
        assert slow(encoded(amount=number))[0] is None
    else:
        assert found.bad[0].kind == slow(encoded(amount=number))[0] == "not_finite"


@settings(deadline=None, max_examples=300)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_arbitrary_bytes_never_raise(batch):
    found = decode(batch)
    assert len(found.good) + len(found.bad) == len(batch)
