import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Field, Rows, RowsError, Schema, SchemaError
from ingest.ragged import Ragged
from ingest.vocabulary import Vocabularies

SCHEMA = Schema(
    (
        Field("tag", "category", vocabulary=("a", "b"), grow=5),
        Field("user", "category", grow=1000),
        Field("city", "category", vocabulary=("Oslo",)),
    )
)
texts = st.lists(st.text(max_size=3) | st.sampled_from("abcdefgh"), max_size=12)


def rows_of(tags, first=0, topics=("t",)):
    count = len(tags)
    number = np.arange(first, first + count)
    words = Ragged.of([tag.encode() for tag in tags], np.uint8)
    return Rows(
        topics=topics,
        topic=(number % len(topics)).astype(np.int32),
        partition=np.zeros(count, np.int32),
        offset=number,
        timestamp=number,
        columns={"tag": words, "user": words, "city": np.zeros(count, np.int32)},
    )


@settings(deadline=None)
@given(texts, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(tags, rng):
    rows = rows_of(tags, topics=("s", "t"))
    order = list(range(len(tags)))
    rng.shuffle(order)
    start = Vocabularies.of(SCHEMA)
    assert start.grow(rows.take(order), SCHEMA) == start.grow(rows, SCHEMA)


@settings(deadline=None)
@given(st.lists(texts, max_size=5))
def test_codes_are_never_changed_and_never_too_many(parts):
    now = Vocabularies.of(SCHEMA)
    for at, tags in enumerate(parts):
        rows = rows_of(tags, first=100 * at)
        then = now.grow(rows, SCHEMA)
        for field in SCHEMA.fields[:2]:
            old, new = now.words[field.name], then.words[field.name]
            assert new[: len(old)] == old
            assert len(set(new)) == len(new) <= field.grow
        assert then.grow(rows, SCHEMA) == then
        assert Vocabularies.from_json(json.loads(json.dumps(then.to_json())), SCHEMA) == then
        coded, before = then.encode(rows, SCHEMA), now.encode(rows, SCHEMA).columns["user"]
        assert coded.columns["user"].tolist() == [
            then.words["user"].index(tag.encode()) + 1 if tag else 0 for tag in tags
        ]
        assert (before[before > 0] == coded.columns["user"][before > 0]).all()
        assert 0 <= coded.columns["tag"].max(initial=0) <= 5
        now = then


def test_new_words_come_in_the_order_of_their_records():
    grown = Vocabularies.of(SCHEMA).grow(rows_of(["z", "a", "", "c", "z", "e", "f"]), SCHEMA)
    assert grown.words["tag"] == (b"a", b"b", b"z", b"c", b"e")
    coded = grown.encode(rows_of(["a", "b", "e", "f", ""]), SCHEMA)
    assert coded.columns["tag"].tolist() == [1, 2, 5, 0, 0]
    assert coded.columns["tag"].dtype == np.int32
    assert coded.columns["city"].tolist() == [0] * 5


def test_words_that_are_long_get_no_code():
    grown = Vocabularies.of(SCHEMA).grow(rows_of(["x" * 1024, "y" * 1025]), SCHEMA)
    assert grown.words["user"] == (b"x" * 1024,)


def test_no_rows_and_no_fields():
    start = Vocabularies.of(SCHEMA)
    assert start.grow(rows_of([]), SCHEMA) == start
    assert start.encode(rows_of([]), SCHEMA).columns["tag"].dtype == np.int32
    fixed = Schema((Field("city", "category", vocabulary=("Oslo",)),))
    rows = rows_of(["a"])
    assert Vocabularies.of(fixed).grow(rows, fixed).words == {}
    assert Vocabularies.of(fixed).encode(rows, fixed) == rows


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"user": []}, 'field "tag": expected a list of words'),
        ({"tag": ["a", "b"], "user": [1]}, 'field "user": expected a list of words'),
        ({"tag": ["b", "a"], "user": []}, "begin with those of the schema"),
        ({"tag": ["a", "b", "a"], "user": []}, "at most 5 words, none twice"),
        ({"tag": list("abcdef"), "user": []}, "at most 5 words"),
        (
            {"tag": ["a", "b"], "user": [], "city": []},
            "no field with a vocabulary that grows: city",
        ),
    ],
)
def test_what_is_of_another_schema_is_refused(value, message):
    with pytest.raises(SchemaError, match=message):
        Vocabularies.from_json(value, SCHEMA)


def test_rows_that_have_codes_already_are_refused():
    start = Vocabularies.of(SCHEMA)
    coded = start.encode(rows_of(["a"]), SCHEMA)
    with pytest.raises(RowsError, match='expected words in "tag", got int32'):
        start.encode(coded, SCHEMA)
