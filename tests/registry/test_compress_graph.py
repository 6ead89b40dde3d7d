"""Surgery on graphs is exact: what is cut out was nothing to the outputs, and is really gone."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from small_graphs import FAMILIES, build, output, rows_for

from registry import RungError
from registry.compress.channels import choose_channels
from registry.compress.graph import Channels, cut, flat_copy, trace
from registry.compress.graph.cutting import axes_of

CONSUMING = ("Dense", "Conv1D", "Conv2D", "SeparableConv2D", "LSTM", "GRU")


def silence(model: Any, channels: Channels, gone: frozenset[int]) -> None:
    """Zero all weights of a model that read channels which are to go."""
    for layer in model.layers:
        if type(layer).__name__ not in CONSUMING:
            continue
        reads, makes = channels.reads.get(id(layer)), channels.makes.get(id(layer))
        for weight in layer.weights:
            own = weight.name == "recurrent_kernel"
            read = [a for a, role in axes_of(layer, weight.name) if role == "read"]
            axis, atoms = (-2, makes) if own else (read[0] if read else None, reads)
            if axis is None or atoms is None:
                continue
            lost = np.isin(channels.roots(atoms), list(gone))
            values = np.moveaxis(np.asarray(weight).copy(), axis, 0)
            values[np.repeat(lost, len(values) // len(lost))] = 0
            weight.assign(np.moveaxis(values, 0, axis))


def check_exact(model: Any, share: float) -> tuple[Any, Any]:
    """Cut a share of a flat model's channels, and compare with the model that cannot read them."""
    examples = rows_for(model, 8)
    channels = trace(model)
    gone = choose_channels(channels, share)
    silence(model, channels, gone)
    smaller = cut(model, channels, gone)
    expected = output(model, examples)
    np.testing.assert_allclose(output(smaller, examples), expected, rtol=1e-4, atol=1e-5)
    assert smaller.output_shape == model.output_shape
    return smaller, gone


@pytest.mark.parametrize("name", FAMILIES)
def test_a_flat_copy_predicts_the_same_and_shares_nothing(name: str) -> None:
    model = build(name)
    copy = flat_copy(model)
    examples = rows_for(model)
    np.testing.assert_allclose(output(copy, examples), output(model, examples), atol=1e-6)
    assert not {id(v) for v in copy.variables} & {id(v) for v in model.variables}
    assert not any(isinstance(layer, layers.Dropout) for layer in copy.layers)


@pytest.mark.parametrize("name", FAMILIES)
def test_cutting_is_exact_and_narrows(name: str) -> None:
    model = flat_copy(build(name))
    smaller, gone = check_exact(model, 0.5)
    assert gone
    assert smaller.count_params() < model.count_params()


def test_added_branches_lose_the_same_channels() -> None:
    model = flat_copy(build("residual"))
    smaller, _ = check_exact(model, 0.25)
    widths = {layer.name: layer.filters for layer in smaller.layers if hasattr(layer, "filters")}
    assert widths == {"stem": 6, "inner": 6, "projection": 9, "branch": 9}


def test_what_is_not_understood_stays_whole() -> None:
    smaller, _ = check_exact(flat_copy(build("transformer")), 0.5)
    assert smaller.get_layer("wide").units == 8
    assert smaller.get_layer("narrow").units == 8
    assert smaller.get_layer("table").output_dim == 8


@pytest.mark.parametrize("zeros", [False, True])
def test_units_of_masked_recurrent_layers_go(zeros: bool) -> None:
    keras.utils.set_random_seed(6)
    entry = keras.Input((7,), name="words", dtype="int32")
    x = layers.Embedding(9, 6, mask_zero=True, name="table")(entry)
    x = layers.GRU(8, return_sequences=True, zero_output_for_mask=zeros, name="all")(x)
    x = layers.LSTM(6, go_backwards=True, name="last")(x)
    model = flat_copy(keras.Model(entry, layers.Dense(2)(layers.Dense(4, name="hidden")(x))))
    words = rows_for(model, 8)
    assert np.count_nonzero(np.asarray(words.features["words"]) == 0) > 0
    smaller, _ = check_exact(model, 0.5)
    widths = {name: smaller.get_layer(name).units for name in ("all", "last", "hidden")}
    assert widths == {"all": 4, "last": 3, "hidden": 2}
    assert smaller.get_layer("table").output_dim == 3


@keras.saving.register_keras_serializable("tests")
class Mixing(keras.layers.Layer):
    """A layer of a user that mixes all its channels."""

    def call(self, x: Any) -> Any:
        return x - keras.ops.mean(x, axis=-1, keepdims=True)


def test_a_layer_of_a_user_keeps_its_channels() -> None:
    entry = keras.Input((4,), name="x")
    x = Mixing()(layers.Dense(8, name="mixed")(entry))
    x = layers.Dense(8, name="free")(x)
    model = flat_copy(keras.Model(entry, layers.Dense(2)(x)))
    smaller, _ = check_exact(model, 0.5)
    assert (smaller.get_layer("mixed").units, smaller.get_layer("free").units) == (8, 4)


def test_adapters_are_added_to_their_kernels() -> None:
    entry = keras.Input((4,), name="x")
    dense = layers.Dense(8, name="adapted")
    model = keras.Model(entry, layers.Dense(2)(dense(entry)))
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(np.ones(dense.lora_kernel_b.shape))
    examples = rows_for(model)
    copy = flat_copy(model)
    np.testing.assert_allclose(output(copy, examples), output(model, examples), atol=1e-6)
    assert [w.name for w in copy.get_layer("adapted").weights] == ["kernel", "bias"]


def test_a_model_that_is_no_graph_is_refused() -> None:
    class Own(keras.Model):
        pass

    with pytest.raises(RungError, match="neither functional nor Sequential"):
        flat_copy(Own())


STEPS = st.lists(
    st.sampled_from(["conv", "norm", "depthwise", "separable", "add", "concatenate", "gate"]),
    min_size=1,
    max_size=5,
)


def grow(steps: list[str], widths: list[int], *, flat: bool) -> Any:
    """A model of these steps; widths are taken in turn."""
    width = iter(widths * 8)
    entry = keras.Input((4, 4, 2), name="image")
    x = layers.Conv2D(next(width), 3, padding="same", activation="relu")(entry)
    for step in steps:
        here = x.shape[-1]
        if step == "conv":
            x = layers.Conv2D(next(width), 3, padding="same", activation="tanh")(x)
        elif step == "norm":
            x = layers.BatchNormalization(beta_initializer="ones")(x)
        elif step == "depthwise":
            x = layers.DepthwiseConv2D(2, padding="same", depth_multiplier=2)(x)
        elif step == "separable":
            x = layers.SeparableConv2D(next(width), 2, padding="same", depth_multiplier=2)(x)
        elif step == "add":
            x = layers.Add()([x, layers.Conv2D(here, 1, activation="sigmoid")(x)])
        elif step == "concatenate":
            x = layers.Concatenate()([x, layers.Conv2D(next(width), 1)(x), x])
        else:
            gate = layers.Dense(here, "sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
            x = layers.Multiply()([x, gate])
    x = layers.Flatten()(x) if flat else layers.GlobalMaxPooling2D()(x)
    return keras.Model(entry, layers.Dense(3)(layers.Dense(next(width), "relu")(x)))


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    steps=STEPS,
    widths=st.lists(st.integers(2, 9), min_size=1, max_size=5),
    flat=st.booleans(),
    share=st.sampled_from([0.25, 0.5, 0.8]),
)
def test_cutting_any_graph_is_exact(
    steps: list[str], widths: list[int], flat: bool, share: float
) -> None:
    keras.utils.set_random_seed(5)
    check_exact(grow(steps, widths, flat=flat), share)
