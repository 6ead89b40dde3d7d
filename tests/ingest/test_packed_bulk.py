"""Packed structs read in bulk are as those read one by one, whatever is in them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ragged import Ragged
from tests.ingest.packed_samples import DTYPE, SCHEMA, decode, decoder, struct


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
