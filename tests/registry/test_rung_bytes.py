"""What the byte rungs share: tables, names that go, what stays in float, the worst operations."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers
from keras_models import Sample

from registry import (
    Artifact,
    Examples,
    LiteModel,
    Quantizer,
    RungError,
    Subject,
    export_float32,
    op_names,
    weights,
)
from registry.compress import FLOAT16, INT4, INT8, SchemeRung, StaticInt8
from registry.compress.inspection import Promise, check_promise
from registry.compress.ladder import climb
from registry.compress.slim import slim
from registry.compress.small_numbers import pack_int4, shrink
from registry.compress.tables import shrink_tables
from registry.compress.worst import worst_ops
from registry.flatbuffer import unpack_int4
from registry.operations import operations

ROWS = 128
WORDS = 37
OUTLIER = 60.0
int8, int4, float16 = (partial(SchemeRung, scheme) for scheme in (INT8, INT4, FLOAT16))


@dataclass(frozen=True)
class Spoilt:
    """A model with a layer that int8 cannot hold: a large weight for an input that is always 0."""

    subject: Subject
    features: dict[str, np.ndarray]
    weight: str


@pytest.fixture(scope="module")
def spoilt() -> Spoilt:
    """Two columns of words share a table; the second of three dense layers is spoilt."""
    keras.utils.set_random_seed(5)
    inputs = {name: keras.Input((), name=name, dtype="int32") for name in ("here", "there")}
    table = layers.Embedding(WORDS, 6)
    x = layers.Concatenate()([table(x) for x in inputs.values()])
    x = layers.Dense(48, activation="tanh")(x)
    x = keras.ops.concatenate([x, keras.ops.zeros_like(x[:, :1])], axis=1)
    bad = layers.Dense(48, activation="tanh")
    model = keras.Model(inputs, layers.Dense(2)(layers.Dense(48, activation="tanh")(bad(x))))
    kernel = np.asarray(bad.kernel).copy()
    kernel[-1] = OUTLIER
    kernel[:, 0] = 0.0  # a channel of zeros, as pruning leaves them, has no scale of its own
    bad.kernel.assign(kernel)
    random = np.random.default_rng(1)
    features = {name: random.integers(0, WORDS, ROWS).astype(np.int32) for name in inputs}
    tflite = export_float32(model)
    name = next(w.name for w in weights(tflite) if w.values.max() == OUTLIER)
    return Spoilt(Subject(tflite, examples=Examples(features, np.zeros(ROWS))), features, name)


def by_name(tflite: bytes) -> dict[str, Any]:
    return {w.name: w for w in weights(tflite)}


@given(st.lists(st.integers(-8, 7), min_size=1, max_size=33))
def test_int4_packs_two_a_byte(values: list[int]) -> None:
    packed = pack_int4(np.array(values, np.int8))
    assert packed.size == (len(values) + 1) // 2
    np.testing.assert_array_equal(unpack_int4(packed, len(values)), values)


@pytest.mark.parametrize(("dtype", "levels"), [("INT8", 127), ("INT4", 7), ("FLOAT16", None)])
def test_a_table_is_stored_once_and_small(spoilt: Spoilt, dtype: str, levels: int | None) -> None:
    before = spoilt.subject.float32
    after = shrink_tables(before, dtype)
    (exact,) = [w for w in weights(before) if w.op == "GATHER"]
    (small,) = [w for w in weights(after) if w.op == "GATHER"]
    assert (small.dtype, small.values.size) == (dtype, exact.values.size)
    assert len(small.users) == 2
    if levels:
        scale = shrink(exact.values, dtype).scale
        assert np.abs(small.values.astype(int)).max() == levels
        lost = np.square(small.values * scale - exact.values).mean()
        assert lost < np.square(exact.values).mean() / levels**2
    else:
        np.testing.assert_array_equal(small.values, exact.values.astype(np.float16))
    difference = LiteModel(after).predict(spoilt.features) - LiteModel(before).predict(
        spoilt.features
    )
    assert 0 < np.abs(difference).max() < 0.1
    assert shrink_tables(after, dtype) == after


def test_wide_rows_of_int4_have_a_step_each() -> None:
    random = np.random.default_rng(2)
    sizes = np.exp(random.normal(0, 1.5, (40, 1)))
    values = (random.normal(size=(40, 24)) * sizes).astype(np.float32)
    small = shrink(values, "INT4")
    whole = unpack_int4(np.frombuffer(small.data, np.uint8), values.size).reshape(values.shape)
    lost = np.square(whole * small.steps - values).mean(axis=1) / np.square(values).mean(axis=1)
    assert small.scale == 1.0
    assert lost.max() < 0.05
    assert shrink(values[:, :8], "INT4").steps is None
    assert shrink(values / sizes.astype(np.float32), "INT4").steps is None


@pytest.mark.parametrize("steps", [(), (3,)])
def test_rows_of_any_width_are_looked_up_as_they_are_stored(
    steps: tuple[int, ...], quantizer: Quantizer
) -> None:
    keras.utils.set_random_seed(3)
    entry = keras.Input(steps, name="word", dtype="int32")
    tables = [layers.Embedding(WORDS, width) for width in (1, 3, 8, 16)]
    model = keras.Model(entry, layers.Concatenate()([table(entry) for table in tables]))
    tables[-1].embeddings.assign(
        tables[-1].embeddings * np.geomspace(0.1, 30, WORDS, dtype=np.float32)[:, None]
    )
    tflite = export_float32(model)
    for table, dtype in zip(tables, ("INT8", "INT8", "INT4", "INT4"), strict=True):
        small = shrink(np.asarray(table.embeddings), dtype)
        stored = np.frombuffer(small.data, np.int8)
        whole = stored if dtype == "INT8" else unpack_int4(stored.view(np.uint8), 2 * stored.size)
        scale = small.scale if small.steps is None else small.steps
        table.embeddings.assign(whole.reshape(WORDS, -1) * scale)
    words = np.random.default_rng(1).integers(0, WORDS, (50, *steps)).astype(np.int32)
    made = shrink_tables(tflite, "INT4")
    assert shrink_tables(made, "INT8") == made  # the steps of the widest rows are no table
    got = LiteModel(made).predict({"word": words})
    np.testing.assert_allclose(got, np.asarray(model(words, training=False)), atol=1e-6)
    found = Counter(w.dtype for w in weights(int4(quantizer=quantizer).apply(Subject(tflite))))
    assert found == {"INT8": 2, "INT4": 2, "FLOAT32": 1}  # the steps of the widest rows


def test_a_model_of_convolutions_has_nothing_for_int4(
    samples: dict[str, Sample], quantizer: Quantizer
) -> None:
    dense = [w.name for w in weights(samples["image"].tflite) if w.op == "FULLY_CONNECTED"]
    with pytest.raises(RungError, match="no weight of this model can be int4"):
        int4(quantizer=quantizer, keep=tuple(dense)).apply(Subject(samples["image"].tflite))


def test_slim_bytes_predict_bit_for_bit_the_same(spoilt: Spoilt) -> None:
    before = spoilt.subject.float32
    after = slim(before)
    assert len(after) < len(before)
    assert op_names(after) == op_names(before)
    assert LiteModel(after).signature == LiteModel(before).signature
    np.testing.assert_array_equal(
        LiteModel(after).predict(spoilt.features), LiteModel(before).predict(spoilt.features)
    )
    assert slim(after) == after


@pytest.mark.parametrize("rung", [int8, StaticInt8, int4, float16])
def test_what_is_to_stay_in_float_does(spoilt: Spoilt, quantizer: Quantizer, rung: Any) -> None:
    table = next(w for w in weights(spoilt.subject.float32) if w.op == "GATHER")
    whole = rung(quantizer=quantizer).apply(spoilt.subject)
    kept = rung(quantizer=quantizer, keep=(spoilt.weight, table.name)).apply(spoilt.subject)
    floats = [w for w in weights(kept) if w.dtype == "FLOAT32"]
    assert sorted(w.values.size for w in floats) == sorted([48 * 49, WORDS * 6])
    assert not [w for w in weights(whole) if w.dtype == "FLOAT32"]
    assert len(whole) < len(kept) < len(spoilt.subject.float32)


def test_notes_say_what_computes_in_float_and_where(spoilt: Spoilt, quantizer: Quantizer) -> None:
    rung = StaticInt8(quantizer=quantizer, keep=(spoilt.weight,))
    entry = climb(rung, spoilt.subject)
    assert isinstance(entry, Artifact)
    (floats,) = [note for note in entry.notes if "operations in float" in note]
    assert "1 FULLY_CONNECTED (last layer)" in floats
    assert re.search(r"1 FULLY_CONNECTED(,|$)", floats)
    assert entry.notes[-1] == f"left in float32: {spoilt.weight}"
    whole = climb(int8(quantizer=quantizer), spoilt.subject)
    assert not [note for note in whole.notes if "left" in note]


def test_an_output_names_its_operation(spoilt: Spoilt, quantizer: Quantizer) -> None:
    last = operations(spoilt.subject.float32)[-1]
    kept = int8(quantizer=quantizer, keep=last.names).apply(spoilt.subject)
    assert [w.values.size for w in weights(kept) if w.dtype == "FLOAT32"] == [2 * 48]


def test_unknown_names_are_told(spoilt: Spoilt, quantizer: Quantizer) -> None:
    with pytest.raises(RungError, match=r"no operation named \['nothing'\]"):
        int8(quantizer=quantizer, keep=("nothing",)).apply(spoilt.subject)


@pytest.mark.parametrize("rung", [int8, StaticInt8])
def test_the_operation_that_int8_spoils_is_found(
    spoilt: Spoilt, quantizer: Quantizer, rung: Any
) -> None:
    found = worst_ops(rung(quantizer=quantizer), spoilt.subject, spoilt.features)
    assert found[0].names == (spoilt.weight,)
    assert found[0].gain > 2 * max(found[0].error, found[1].gain)
    assert found[0].more_bytes > 48 * 48
    assert [e.gain for e in found] == sorted((e.gain for e in found), reverse=True)
    again = rung(quantizer=quantizer, keep=found[0].names)
    assert all(e.names != found[0].names for e in worst_ops(again, spoilt.subject, spoilt.features))


def test_the_search_for_the_worst_is_bounded(spoilt: Spoilt, quantizer: Quantizer) -> None:
    rung = int8(quantizer=quantizer)
    assert len(worst_ops(rung, spoilt.subject, spoilt.features, most=2)) == 2
    assert worst_ops(rung, spoilt.subject, spoilt.features, seconds=0) == []


def test_calibration_needs_examples(spoilt: Spoilt, quantizer: Quantizer) -> None:
    rung = StaticInt8(quantizer=quantizer)
    with pytest.raises(RungError, match="at least 16 examples to calibrate by, got 0"):
        rung.apply(Subject(spoilt.subject.float32))
    strange = Examples({"here": np.zeros(20)}, np.zeros(20))
    with pytest.raises(RungError, match='do not fit the model: column "there" is missing'):
        rung.apply(Subject(spoilt.subject.float32, examples=strange))


def test_bytes_that_are_not_what_they_claim_are_refused(
    spoilt: Spoilt, quantizer: Quantizer
) -> None:
    before = spoilt.subject.float32
    promise = Promise(frozenset({"INT8"}), frozenset({"INT8"}))
    made = int8(quantizer=quantizer).apply(spoilt.subject)
    check_promise("int8", promise, before, made)
    padded = made + bytes(len(before) - len(made) - 100)
    with pytest.raises(RungError, match="off the weights, but only 100 off the file"):
        check_promise("int8", promise, before, padded)
    with pytest.raises(RungError, match="left large weights in float32"):
        check_promise("int4", Promise(frozenset({"INT4"}), frozenset({"INT4"})), before, made)
    other = StaticInt8(quantizer=quantizer, keep=()).apply(spoilt.subject)
    check_promise("static_int8", promise, before, other)
