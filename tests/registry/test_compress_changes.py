"""Rungs that change the Keras model: really narrower, shallower, sparser or cheaper, and honest."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from small_graphs import build, rows_for

from registry import (
    LadderSettings,
    LiteModel,
    RungError,
    SkippedRung,
    Subject,
    check_rung,
    default_quantizer,
    export_float32,
    ladder,
    op_names,
    weights,
)
from registry.artifact import Tflite
from registry.compress import CheaperActivations, DropLayers, FineTune, PruneChannels, Sparsify
from registry.compress.ladder import RUNGS
from registry.flatbuffer import MULTIPLYING

TUNE = FineTune(epochs=2, batch=16)


class AsItIs:
    """The inner rung that lets a test look at the changed model's float32 bytes."""

    name = "float32"

    def apply(self, subject: Subject) -> Tflite:
        return subject.float32


def subject(name: str) -> Subject:
    model = build(name)
    return Subject(export_float32(model), model, None, rows_for(model), seed=5)


@pytest.fixture(scope="module")
def subjects() -> dict[str, Subject]:
    return {name: subject(name) for name in ("dense", "residual", "recurrent", "transformer")}


def weight_counts(tflite: bytes) -> list[int]:
    return sorted(w.values.size for w in weights(tflite) if w.op in MULTIPLYING)


def digest(model: Any) -> str:
    """Of all that a model holds: weights, seed generators, and whether each is trained."""
    content = hashlib.sha256()
    for variable in model.variables:
        content.update(variable.path.encode() + np.asarray(variable).tobytes())
        content.update(bytes([variable.trainable]))
    return content.hexdigest()


def test_half_of_the_channels_are_gone_from_the_bytes(subjects: dict[str, Subject]) -> None:
    narrow = PruneChannels(0.5, AsItIs(), TUNE).apply(subjects["residual"])
    assert weight_counts(subjects["residual"].float32) == sorted(
        [8 * 9 * 3, 8 * 9 * 8, 12 * 8, 12 * 9 * 8, 4 * 12]
    )
    assert weight_counts(narrow) == sorted([4 * 9 * 3, 4 * 9 * 4, 6 * 4, 6 * 9 * 4, 4 * 6])
    assert LiteModel(narrow).predict(subjects["residual"].examples.features).shape == (48, 4)


@pytest.mark.parametrize("name", ["recurrent", "transformer"])
def test_sequences_get_narrower(subjects: dict[str, Subject], name: str) -> None:
    narrow = PruneChannels(0.25, AsItIs(), replace(TUNE, epochs=0)).apply(subjects[name])
    assert sum(weight_counts(narrow)) < sum(weight_counts(subjects[name].float32))


def test_the_blocks_that_cost_least_go(subjects: dict[str, Subject]) -> None:
    """A residual branch of which nothing comes is the first to go, and nobody misses it."""
    model = build("residual")
    model.get_layer("inner").kernel.assign(np.zeros((3, 3, 8, 8)))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.beta.assign(-np.ones(8))
            layer.moving_mean.assign(np.zeros(8))
    given = Subject(export_float32(model), model, None, rows_for(model))
    shallow = DropLayers(0.1, AsItIs(), replace(TUNE, epochs=0)).apply(given)
    assert Counter(op_names(shallow))["CONV_2D"] == Counter(op_names(given.float32))["CONV_2D"] - 1
    features = given.examples.features
    np.testing.assert_allclose(
        LiteModel(shallow).predict(features), LiteModel(given.float32).predict(features), atol=1e-5
    )


def test_hidden_activations_get_cheaper_and_the_output_stays(subjects: dict[str, Subject]) -> None:
    dense = subjects["dense"].float32
    assert {"GELU", "TANH", "LOGISTIC"} <= set(op_names(dense))
    cheap = CheaperActivations(AsItIs(), TUNE).apply(subjects["dense"])
    assert not {"GELU", "TANH"} & set(op_names(cheap))
    assert Counter(op_names(cheap))["LOGISTIC"] == 1


def test_zeros_that_came_while_training_are_in_the_bytes(subjects: dict[str, Subject]) -> None:
    given = subjects["residual"]
    sparse = Sparsify(0.6, AsItIs(), TUNE).apply(given)
    for weight in weights(sparse):
        assert weight.zeros >= int(0.6 * weight.values.size), weight.name
    at_once = Sparsify(0.6, AsItIs(), TUNE).apply(replace(given, model=None))
    assert at_once != sparse
    assert len(at_once) == len(given.float32)


def test_nothing_of_the_learner_or_of_the_process_moves(subjects: dict[str, Subject]) -> None:
    given = subjects["dense"]
    assert any("seed_generator" in v.path for v in given.model.variables)
    random.seed(1)
    np.random.seed(1)
    keras.utils.set_random_seed(1)
    expected = (random.random(), np.random.random(), float(keras.random.uniform(())))
    keras.utils.set_random_seed(1)
    before = digest(given.model), given.model.loss, len(given.model.layers[1]._inbound_nodes)
    names = ("pruned_int8", "channels25_int8", "relu_int8")
    made = ladder(given, LadderSettings(names, tune=TUNE))
    assert not any(isinstance(rung, SkippedRung) and "copied" in rung.reason for rung in made)
    assert (random.random(), np.random.random(), float(keras.random.uniform(()))) == expected
    after = digest(given.model), given.model.loss, len(given.model.layers[1]._inbound_nodes)
    assert after == before


def test_they_conform(subjects: dict[str, Subject]) -> None:
    """Pure, the same bytes twice, the same inputs and outputs."""
    given = subjects["residual"]
    rung = RUNGS["channels25_int8"](LadderSettings(tune=TUNE), default_quantizer())
    check_rung(rung, given, dict(given.examples.features))


def test_why_a_rung_does_not_apply(subjects: dict[str, Subject]) -> None:
    given = subjects["residual"]
    names = ("channels25_int8", "layers_int8", "relu_int8")
    bare = ladder(Subject(given.float32), LadderSettings(names, tune=TUNE))[1:]
    assert all("needs the Keras model" in rung.reason for rung in bare)
    blind = ladder(replace(given, examples=None), LadderSettings(names, tune=TUNE))[1:]
    assert all("needs at least 16 examples" in rung.reason for rung in blind)
    with pytest.raises(RungError, match="no hidden activation is one of"):
        CheaperActivations(AsItIs(), TUNE).apply(given)
    entry = keras.Input((4,), name="x")
    model = keras.Model(entry, keras.layers.Dense(1)(entry))
    model.compile(loss="mse")
    linear = Subject(export_float32(model), model, None, rows_for(model))
    with pytest.raises(RungError, match="no layer has channels that can go"):
        PruneChannels(0.5, AsItIs(), TUNE).apply(linear)
    with pytest.raises(RungError, match="no layer can go"):
        DropLayers(0.5, AsItIs(), TUNE).apply(linear)
