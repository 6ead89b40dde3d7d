"""LiteModel: batches, shapes and errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_models import ROWS, Sample

from registry import LiteModel, LiteModelError, op_names, tensor_dtypes, weights


def repeat(features: dict[str, np.ndarray], rows: int) -> dict[str, np.ndarray]:
    index = np.arange(rows) % ROWS
    return {name: values[index] for name, values in features.items()}


@pytest.mark.parametrize("rows", [0, 1, 63, 1024, 1025, 3000])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_any_number_of_rows(samples: dict[str, Sample], name: str, rows: int) -> None:
    lite = LiteModel(samples[name].tflite)
    each = lite.predict(samples[name].features)
    got = lite.predict(repeat(samples[name].features, rows))
    assert got.shape == (rows, *each.shape[1:])
    np.testing.assert_allclose(got, each[np.arange(rows) % ROWS], atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=200))
def test_rows_do_not_depend_on_their_company(samples, picked) -> None:
    sample = samples["softmax"]
    lite = LiteModel(sample.tflite)
    together = lite.predict({k: v[picked] for k, v in sample.features.items()})
    np.testing.assert_allclose(together, lite.predict(sample.features)[picked], atol=1e-6)


def test_columns_of_one_fit_scalars_and_back(samples: dict[str, Sample]) -> None:
    sample = samples["mlp"]
    wide = {name: values.reshape(-1, 1) for name, values in sample.features.items()}
    lite = LiteModel(sample.tflite)
    np.testing.assert_array_equal(lite.predict(wide), lite.predict(sample.features))


def test_more_columns_are_ignored(samples: dict[str, Sample]) -> None:
    sample = samples["regression"]
    assert len(LiteModel(sample.tflite).predict(sample.features | {"more": [1]})) == ROWS


def test_threads_share_a_model(samples: dict[str, Sample]) -> None:
    sample = samples["mlp"]
    lite = LiteModel(sample.tflite)
    expected = lite.predict(sample.features)
    with ThreadPoolExecutor(8) as pool:
        sizes = [1 + i % ROWS for i in range(64)]
        got = list(pool.map(lambda n: lite.predict(repeat(sample.features, n)), sizes))
    for size, answer in zip(sizes, got, strict=True):
        np.testing.assert_allclose(answer, expected[:size], atol=1e-6)


def test_missing_columns_are_named(samples: dict[str, Sample]) -> None:
    sample = samples["mlp"]
    features = {k: v for k, v in sample.features.items() if k != "dest"}
    with pytest.raises(LiteModelError, match='"dest" is missing'):
        LiteModel(sample.tflite).predict(features)


def test_unequal_columns_are_told(samples: dict[str, Sample]) -> None:
    sample = samples["softmax"]
    with pytest.raises(LiteModelError, match=r"equal length.*'a': 3"):
        LiteModel(sample.tflite).predict(sample.features | {"a": np.zeros(3)})


def test_wrong_shapes_are_told(samples: dict[str, Sample]) -> None:
    with pytest.raises(LiteModelError, match=r'"image": expected shape .*8.*got \(2, 7, 7, 1\)'):
        LiteModel(samples["image"].tflite).predict({"image": np.zeros((2, 7, 7, 1))})


@pytest.mark.parametrize("junk", [b"", b"junk" * 100, b"\0\0\0\0TFL3" + b"\xff" * 64])
def test_junk_is_not_a_model(junk: bytes) -> None:
    with pytest.raises(LiteModelError, match="cannot load"):
        LiteModel(junk)
    if not junk.startswith(b"\0\0\0\0TFL3"):
        with pytest.raises(LiteModelError, match="TFL3"):
            op_names(junk)


def test_facts_about_the_bytes(samples: dict[str, Sample]) -> None:
    sample = samples["mlp"]
    dense = [w for w in weights(sample.tflite) if w.op == "FULLY_CONNECTED"]
    tables = [w for w in weights(sample.tflite) if w.op == "GATHER"]
    assert sorted(w.values.size for w in dense) == [32, 64 * 15, 64 * 32]
    assert sorted(w.values.size for w in tables) == [4 * 4, 31 * 8]
    kernels = [layer.kernel for layer in sample.model.layers if hasattr(layer, "kernel")]
    assert sum(w.values.sum() for w in dense) == pytest.approx(
        sum(float(np.sum(kernel)) for kernel in kernels), abs=1e-3
    )
    assert tensor_dtypes(sample.tflite)["FLOAT32"] > 5
    assert "INT8" not in tensor_dtypes(sample.tflite)
