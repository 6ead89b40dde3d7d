"""Any example, whole or damaged: the outcome is that of protobuf, and of TensorFlow's parser."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.formats.example.message import read_example
from ingest.formats.values import BadValueError
from ingest.ragged import Ragged
from tests.ingest.test_example_decoder import (
    EMPTY,
    INTS,
    PARSED,
    SCHEMA,
    decode,
    feature,
    raw,
)


def slow(value: bytes):
    """(kind, None) or (None, values), through protobuf."""
    try:
        return None, read_example(SCHEMA.fields, value)
    except BadValueError as error:
        return error.kind, None


def check_agreement(raws: list[bytes]) -> None:
    found = decode(raws)
    expected = [slow(value) for value in raws]
    assert [bad.kind for bad in found.bad] == [kind for kind, _ in expected if kind]
    assert found.good.tolist() == [at for at, (kind, _) in enumerate(expected) if kind is None]
    good = [values for kind, values in expected if kind is None]
    for place, field in enumerate(SCHEMA.fields):
        column = found.columns[field.name]
        for at, values in enumerate(good):
            row = column.row(at) if isinstance(column, Ragged) else column[at]
            if field.is_text:
                assert row.tobytes() == values[place]
            else:
                assert row.tobytes() == np.array(values[place], column.dtype).tobytes()


numbers = st.floats(width=32) | st.sampled_from([0.0, -0.0, 1000.0, 1000.5])
whole = st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 3) | st.just(2**31)
texts = st.text(max_size=3).map(str.encode) | st.binary(max_size=3)
contents = {
    "amount": numbers,
    "exact": numbers,
    "count": whole,
    "big": whole,
    "member": st.integers(0, 2),
    "city": texts,
    "user": texts,
    "word": texts,
    "at": whole,
    "name": texts,
    "code": texts,
    "point": st.lists(numbers, min_size=2, max_size=4),
    "steps": st.lists(whole, max_size=4),
    "ways": st.lists(numbers, max_size=4),
    "tags": st.lists(texts | st.sampled_from([b"x", b"y"]), max_size=4),
    "late": st.sampled_from(["no", "yes", "x"]),
    "weight": numbers,
    "é": st.integers(0, 3),
}
odd = st.sampled_from([None, INTS, EMPTY, tf.train.Feature(), feature("amount", [1.0, 2.0])])
changes = st.fixed_dictionaries({}, optional={n: v | odd for n, v in contents.items()})


@settings(deadline=None, max_examples=200)
@given(st.lists(changes, min_size=1, max_size=4))
def test_bulk_agrees_with_protobuf(rows) -> None:
    check_agreement([raw(n, **row) for n, row in enumerate(rows)])


@st.composite
def mutated(draw):
    value = raw(draw(st.integers(0, 9)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(value) - 1))
        put = draw(st.binary(min_size=1, max_size=1) | st.binary(max_size=3))
        value = value[:at] + put + value[at + draw(st.sampled_from([0, 1, 1, 1, 2])) :]
    return value


@settings(deadline=None, max_examples=500)
@given(st.lists(mutated() | st.binary(max_size=30), min_size=1, max_size=4))
def test_damaged_bytes_agree_with_protobuf_and_never_raise(raws) -> None:
    check_agreement(raws)


def by_tensorflow(value: bytes) -> dict[str, tf.Tensor]:
    """What TensorFlow's parser makes of an example.

    It refuses fields that it does not know, where protobuf, and so the decoder, skips them: of such
    an example it is given what is left without them.
    """
    features = {"big": PARSED["big"], "point": PARSED["point"]}
    try:
        return tf.io.parse_example([value], features)
    except (tf.errors.InvalidArgumentError, UnicodeDecodeError):  # its message has the bytes
        message = tf.train.Example.FromString(value)
        before = message.ByteSize()
        message.DiscardUnknownFields()
        assert message.ByteSize() < before
        return tf.io.parse_example([message.SerializeToString()], features)


UNKNOWN = raw(2).replace(b"\n\x14\n\x04ways", b'"\x14\n\x04ways')
"""An example whose field 4 of `Features` nobody knows."""


@settings(deadline=None, max_examples=100)
@given(st.lists(mutated(), min_size=1, max_size=4))
@example([UNKNOWN])
def test_what_is_good_is_what_tensorflow_parses(raws) -> None:
    found = decode(raws)
    for place, at in enumerate(found.good.tolist()):
        parsed = by_tensorflow(raws[at])
        assert found.columns["big"][place] == parsed["big"].numpy()[0]
        assert np.array_equal(found.columns["point"][place], parsed["point"][0])


def test_a_field_that_nobody_knows_is_skipped() -> None:
    assert raw(2) != UNKNOWN
    assert decode([UNKNOWN]).good.tolist() == [0]
