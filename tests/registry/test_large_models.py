"""Models of more than 256 KiB of small weights, which the quantizer writes in another form."""

from __future__ import annotations

import numpy as np
import pytest

from registry import Artifact, LadderSettings, LiteModel, Quantizer, Subject, export_float32, ladder
from registry.flatbuffer import weights

WIDTH = 520


@pytest.fixture(scope="module")
def float32() -> bytes:
    import keras
    from keras import layers

    keras.utils.set_random_seed(5)
    inputs = {"code": keras.Input((), name="code", dtype="int32")}
    x = layers.Embedding(WIDTH, WIDTH, name="table")(inputs["code"])
    x = layers.Dense(WIDTH, activation="relu")(x)
    return export_float32(keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x)))


@pytest.mark.parametrize(("rung", "share"), [("float16", 0.5), ("int8", 0.25), ("int4", 0.125)])
def test_large_weights_are_seen_and_small(
    float32: bytes, quantizer: Quantizer, rung: str, share: float
) -> None:
    _, made = ladder(Subject(float32), LadderSettings((rung,)), quantizer)
    assert isinstance(made, Artifact), made
    assert made.bytes == pytest.approx(share * len(float32), rel=0.05)
    found = {w.dtype.lower() for w in weights(made.tflite) if w.values.size == WIDTH**2}
    assert found == {rung}
    codes = {"code": np.arange(WIDTH, dtype=np.int32)}
    exact, got = (LiteModel(tflite).predict(codes) for tflite in (float32, made.tflite))
    assert np.abs(got - exact).max() < 0.01
