"""The ladder: zeros and int8 are really in the bytes, and size is really saved."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import BUILDERS, Sample

from registry import (
    Artifact,
    CompressionError,
    LadderSettings,
    LiteModel,
    Quantizer,
    RungError,
    SkippedRung,
    Subject,
    export_float32,
    ladder,
    weights,
)
from registry.compress import Prune
from registry.compress.inspection import check_promise
from registry.compress.int8 import INT8
from registry.flatbuffer import MULTIPLYING

MODELS = [name for name in BUILDERS if name != "regression"]


def dense_weights(tflite: bytes):
    return [w for w in weights(tflite) if w.op in MULTIPLYING]


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("name", BUILDERS)
def test_requested_sparsity_is_in_the_bytes(
    samples: dict[str, Sample], name: str, sparsity: float
) -> None:
    before = samples[name].tflite
    after = Prune(sparsity).apply(Subject(before))
    assert len(after) == len(before)
    for old, new in zip(dense_weights(before), dense_weights(after), strict=True):
        assert new.zeros == max(int(sparsity * new.values.size), old.zeros)
        kept = new.values != 0
        np.testing.assert_array_equal(old.values[kept], new.values[kept])
        assert np.abs(old.values[~kept]).max(initial=0) <= np.abs(old.values[kept]).min()


def test_pruning_touches_nothing_else(samples: dict[str, Sample]) -> None:
    before = samples["mlp"].tflite
    after = Prune(0.5).apply(Subject(before))
    differing = np.count_nonzero(np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8))
    pruned = sum(w.zeros for w in dense_weights(after))
    assert pruned <= differing <= 4 * pruned
    tables = [w for w in weights(after) if w.op == "GATHER"]
    assert sum(w.zeros for w in tables) == 0


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, float("nan")])
def test_sparsity_out_of_range(sparsity: float) -> None:
    with pytest.raises(RungError, match="0 <= sparsity < 1"):
        Prune(sparsity)


@pytest.mark.parametrize("name", MODELS)
def test_every_rung_is_what_it_says(
    samples: dict[str, Sample], name: str, quantizer: Quantizer
) -> None:
    sample = samples[name]
    float32, int8, pruned = ladder(Subject(sample.tflite), LadderSettings(sparsity=0.6), quantizer)
    assert [a.rung for a in (float32, int8, pruned)] == ["float32", "int8", "pruned_int8"]
    assert float32.tflite == sample.tflite
    for artifact in (int8, pruned):
        assert {w.dtype for w in dense_weights(artifact.tflite)} == {"INT8"}
        assert artifact.bytes == len(artifact.tflite) < float32.bytes
    zeros = sum(w.zeros for w in dense_weights(pruned.tflite))
    assert zeros >= sum(int(0.6 * w.values.size) for w in dense_weights(sample.tflite))
    assert pruned.gzip_bytes < int8.gzip_bytes < float32.gzip_bytes
    assert any(f"{zeros:,} zeros" in note for note in pruned.notes)


@pytest.mark.parametrize("name", MODELS)
def test_int8_predicts_nearly_the_same(
    samples: dict[str, Sample], name: str, quantizer: Quantizer
) -> None:
    sample = samples[name]
    int8 = ladder(Subject(sample.tflite), LadderSettings(rungs=("int8",)), quantizer)[1]
    exact = LiteModel(sample.tflite).predict(sample.features)
    difference = np.abs(LiteModel(int8.tflite).predict(sample.features) - exact).max()
    assert 0 < difference < 0.05


def test_int8_rows_do_not_depend_on_their_company(
    samples: dict[str, Sample], quantizer: Quantizer
) -> None:
    sample = samples["mlp"]
    lite = LiteModel(ladder(Subject(sample.tflite), LadderSettings(("int8",)), quantizer)[1].tflite)
    alone = [
        lite.predict({k: v[i : i + 1] for k, v in sample.features.items()})[0] for i in range(20)
    ]
    np.testing.assert_allclose(lite.predict(sample.features)[:20], alone, atol=1e-6)


def test_same_bytes_in_same_bytes_out(samples: dict[str, Sample], quantizer: Quantizer) -> None:
    tflite = samples["cnn"].tflite
    assert ladder(Subject(tflite), None, quantizer) == ladder(Subject(tflite), None, quantizer)


def test_a_model_too_small_to_shrink_is_skipped_with_its_reason(quantizer: Quantizer) -> None:
    entry = keras.Input((1,), name="x")
    tiny = export_float32(keras.Model(entry, layers.Dense(1)(entry)))
    float32, int8, pruned = ladder(Subject(tiny), LadderSettings(), quantizer)
    assert isinstance(float32, Artifact)
    for skipped in (int8, pruned):
        assert isinstance(skipped, SkippedRung)
        assert "smaller" in skipped.reason or "too small" in skipped.reason


def test_a_model_without_weights_is_skipped_with_its_reason(quantizer: Quantizer) -> None:
    entry = keras.Input((1,), name="x")
    bare = export_float32(keras.Model(entry, layers.Activation("sigmoid")(entry)))
    _, int8, pruned = ladder(Subject(bare), LadderSettings(), quantizer)
    assert int8 == SkippedRung("int8", "no dense, convolution or embedding weights to quantize")
    assert pruned == SkippedRung("pruned_int8", "no float32 dense or convolution weights to prune")


def test_weights_left_in_float32_are_not_called_int8(samples: dict[str, Sample]) -> None:
    tflite = samples["cnn"].tflite
    with pytest.raises(RungError, match=r"left large weights in float32.*CONV_2D"):
        check_promise("int8", INT8.promise, tflite, tflite)
    tflite = samples["softmax"].tflite
    with pytest.raises(RungError, match="left large weights in float32"):
        check_promise("int8", INT8.promise, tflite, tflite)


def test_the_settings_choose_rungs_and_order(
    samples: dict[str, Sample], quantizer: Quantizer
) -> None:
    settings = LadderSettings(rungs=("pruned_int8", "float32", "int8"))
    rungs = [
        entry.rung for entry in ladder(Subject(samples["softmax"].tflite), settings, quantizer)
    ]
    assert rungs == ["float32", "pruned_int8", "int8"]


def test_unknown_rungs_are_told() -> None:
    with pytest.raises(CompressionError, match=r"unknown rung 'int3'.*pruned_int8"):
        ladder(Subject(b""), LadderSettings(rungs=("int3",)))
