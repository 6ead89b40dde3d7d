"""Every rung on every family of models: it does what it says, or says why it cannot."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from bench.compress.families import FAMILIES
from bench.compress.family_table import one_line_default
from registry import (
    Artifact,
    Examples,
    LadderSettings,
    LiteModel,
    Quantizer,
    SkippedRung,
    Subject,
    export_float32,
    ladder,
    weights,
)
from registry.flatbuffer import LOOKING_UP, MULTIPLYING

RUNGS = ("float16", "int8", "static_int8", "int4", "calibrated_int4")
ROWS = 96
LARGEST = {"float16": 0.56, "int8": 0.5, "static_int8": 0.56, "int4": 0.44, "calibrated_int4": 0.44}
DIFFERENCE = {
    "float16": 2e-3,
    "int8": 0.02,
    "static_int8": 0.06,
    "int4": 0.25,
    "calibrated_int4": 0.25,
}
DENSE = {
    "float16": {"FLOAT16"},
    "int8": {"INT8"},
    "static_int8": {"INT8"},
    "int4": {"INT4", "INT8"},
    "calibrated_int4": {"INT4", "INT8"},
}
TABLES = {
    "float16": "FLOAT16",
    "int8": "INT8",
    "static_int8": "INT8",
    "int4": "INT4",
    "calibrated_int4": "INT4",
}
SKIPPED = {("lstm", "static_int8"): "loops", ("gru", "static_int8"): "loops"}


@pytest.fixture(scope="module", params=FAMILIES)
def climbed(
    request: pytest.FixtureRequest, quantizer: Quantizer
) -> tuple[str, dict[str, np.ndarray], list[Artifact | SkippedRung]]:
    """A family's name, features for it, and its ladder."""
    keras.utils.set_random_seed(7)
    random = np.random.default_rng(7)
    model, features = FAMILIES[request.param](random, ROWS)
    subject = Subject(export_float32(model), examples=Examples(features, np.zeros(ROWS)))
    return request.param, features, ladder(subject, LadderSettings(RUNGS), quantizer)


def outputs(tflite: bytes, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    found = LiteModel(tflite).predict(features)
    return found if isinstance(found, dict) else {"": found}


def test_each_rung_is_smaller_and_close(climbed) -> None:
    family, features, (float32, *rungs) = climbed
    exact = outputs(float32.tflite, features)
    for entry in rungs:
        if (family, entry.rung) in SKIPPED:
            assert isinstance(entry, SkippedRung)
            assert SKIPPED[family, entry.rung] in entry.reason
            continue
        assert isinstance(entry, Artifact), entry
        ratio = entry.bytes / float32.bytes
        got = outputs(entry.tflite, features)
        worst = max(float(np.abs(got[name] - exact[name]).max()) for name in exact)
        print(f"{family} {entry.rung}: bytes {ratio:.3f}, gzip", end=" ")
        print(f"{entry.gzip_bytes / float32.gzip_bytes:.3f}, difference {worst:.4f}")
        assert got.keys() == exact.keys()
        assert ratio < LARGEST[entry.rung]
        assert entry.gzip_bytes < float32.gzip_bytes * LARGEST[entry.rung]
        assert 0 < worst < DIFFERENCE[entry.rung]


def test_each_rung_holds_the_dtypes_it_says(climbed) -> None:
    _, _, (float32, *rungs) = climbed
    before = weights(float32.tflite)
    for entry in (e for e in rungs if isinstance(e, Artifact)):
        after = weights(entry.tflite)
        assert {w.dtype for w in after if w.op in MULTIPLYING} <= DENSE[entry.rung]
        assert {w.dtype for w in after if w.op in LOOKING_UP} <= {TABLES[entry.rung]}
        assert sum(w.values.size for w in after) == sum(w.values.size for w in before)
        assert any(TABLES[entry.rung].lower() in note for note in entry.notes)


def test_int8_is_smaller_than_what_tensorflow_makes_by_default_and_as_close(
    quantizer: Quantizer,
) -> None:
    model, features = FAMILIES["tables"](np.random.default_rng(7), ROWS)
    tflite = export_float32(model)
    exact = LiteModel(tflite).predict(features)
    (_, int8) = ladder(Subject(tflite), LadderSettings(("int8",)), quantizer)
    other = Artifact("default", one_line_default(model))
    assert isinstance(int8, Artifact)
    assert int8.bytes < other.bytes
    assert int8.gzip_bytes < other.gzip_bytes
    for_int8, for_other = (
        np.sqrt(np.square(LiteModel(t).predict(features) - exact).mean())
        for t in (int8.tflite, other.tflite)
    )
    assert for_int8 < 2 * for_other + 1e-3
