"""Int4 weights of convolutions: rounded by examples, and computed with as they are stored."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import pytest
from keras import layers

from registry import Examples, LiteModel, Quantizer, RungError, Subject, export_float32, weights
from registry.compress import CalibratedInt4
from registry.compress.calibrated_int4 import LEVELS
from registry.compress.editing import add_buffer, assemble, take_apart
from registry.compress.rounding import round_together
from registry.compress.watching import input_products, layers_of
from registry.flatbuffer import unpack_int4

SIZE, ROWS = 8, 48
NARROW = (7 * 9 * 3, 10 * 9)  # weights of the first layer, and of that in groups
WIDE = (9 * 9 * 7, 5 * 9 * 9, 11 * 5 * 10, 3 * 6 * 11)  # of those whose units see 32 or more


@dataclass(frozen=True)
class Images:
    """Convolutions of every kind, with odd numbers of weights; what each gives; images."""

    subject: Subject
    given: dict[str, np.ndarray]
    image: np.ndarray


@pytest.fixture(scope="module")
def images() -> Images:
    keras.utils.set_random_seed(4)
    entry = keras.Input((SIZE, SIZE, 3), name="image")
    found = {"first": layers.Conv2D(7, 3, strides=(2, 1), padding="same", name="first")(entry)}
    found["second"] = layers.Conv2D(9, 3, padding="valid", name="second")(found["first"])
    found["third"] = layers.Conv2D(
        5, 3, padding="same", dilation_rate=(1, 2), use_bias=False, name="third"
    )(found["second"])
    found["groups"] = layers.Conv2D(10, 3, groups=5, padding="same", name="groups")(found["third"])
    line = layers.Reshape((-1, 10))(found["groups"])
    found["line"] = layers.Conv1D(11, 5, strides=2, padding="same", name="line")(line)
    found["last"] = layers.Dense(3, name="last")(layers.Flatten()(found["line"]))
    model = keras.Model(entry, found["last"])
    # Pixels beside each other are alike, as in pictures: so errors can make up for each other.
    image = np.random.default_rng(4).normal(size=(ROWS, SIZE, SIZE, 3)).cumsum(1).cumsum(2)
    image = (image / image.std()).astype(np.float32)
    outputs = keras.Model(entry, found)(image)
    subject = Subject(export_float32(model), examples=Examples({"image": image}, np.zeros(ROWS)))
    return Images(subject, {name: np.asarray(value) for name, value in outputs.items()}, image)


def weight_of(images: Images, layer: str) -> str:
    return next(w.name for w in weights(images.subject.float32) if f"/{layer}_1/" in w.name)


def test_what_the_units_of_a_layer_are_given_is_what_they_multiply(images: Images) -> None:
    every = list(layers_of(images.subject.float32))
    products = input_products(images.subject.float32, every, {"image": images.image})
    kernels = {w.name: w.values for w in weights(images.subject.float32)}
    assert len(every) == 5  # not the one in groups
    for layer in every:
        kernel = kernels[layer.weight].reshape(layer.shape[0], -1).astype(np.float64)
        got = np.einsum("ui,ij,uj->u", kernel, products[layer.weight], kernel)
        (name,) = [name for name in images.given if f"/{name}_1/" in layer.weight]
        wanted = np.square(images.given[name].reshape(-1, layer.shape[0]).astype(np.float64))
        np.testing.assert_allclose(got, wanted.sum(axis=0), rtol=1e-3)


def test_errors_make_up_for_each_other_in_steps_that_are_found_again() -> None:
    random = np.random.default_rng(1)
    inputs = random.normal(size=(500, 6)) @ random.normal(size=(6, 40))  # that go together
    kernel = random.normal(size=(20, 40)).astype(np.float32)
    kernel[3] = 0.0
    steps = np.abs(kernel).max(axis=1, keepdims=True) / LEVELS
    plain = np.round(kernel / np.where(steps > 0, steps, 1)) * steps
    together = round_together(kernel, inputs.T @ inputs, LEVELS)
    lost = [np.square(inputs @ (found - kernel).T).sum() for found in (plain, together)]
    assert lost[1] < 0.2 * lost[0]
    np.testing.assert_allclose(np.abs(together).max(axis=1), LEVELS * steps[:, 0], rtol=1e-6)
    whole = together / np.where(steps > 0, steps, 1)
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-4)
    np.testing.assert_allclose(round_together(kernel, np.eye(40), LEVELS), plain, atol=1e-6)


def test_convolutions_are_int4_and_closer_than_rounded_by_themselves(
    images: Images, quantizer: Quantizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = LiteModel(images.subject.float32).predict({"image": images.image})
    rung = CalibratedInt4(quantizer=quantizer)
    made = rung.apply(images.subject)
    assert rung.apply(images.subject) == made
    sizes = {w.values.size: w.dtype for w in weights(made)}
    assert sizes == dict.fromkeys(NARROW, "INT8") | dict.fromkeys(WIDE, "INT4")
    monkeypatch.setattr("registry.compress.calibrated_int4.input_products", lambda *_: {})
    plain = rung.apply(images.subject)
    assert len(plain) == len(made)
    lost = [
        np.square(LiteModel(found).predict({"image": images.image}) - exact).mean()
        for found in (plain, made)
    ]
    assert lost[1] < 0.5 * lost[0]


def test_int4_convolutions_compute_as_the_same_numbers_in_int8_do(
    images: Images, quantizer: Quantizer
) -> None:
    from ai_edge_litert import schema_py_generated as schema

    made = CalibratedInt4(quantizer=quantizer).apply(images.subject)
    model = take_apart(made)
    for tensor in model.subgraphs[0].tensors:
        if tensor.type == schema.TensorType.INT4:
            packed = np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.uint8)
            whole = unpack_int4(packed, int(np.prod(tensor.shape)))
            tensor.type, tensor.buffer = schema.TensorType.INT8, add_buffer(model, whole.tobytes())
    twin = assemble(model)
    assert {w.dtype for w in weights(twin)} == {"INT8"}
    got, wanted = (LiteModel(one).predict({"image": images.image}) for one in (made, twin))
    # Both quantize what a layer is given as it comes, by kernels that round in their own ways.
    assert np.abs(got - wanted).max() < 0.02 * np.abs(wanted).max()


def test_what_is_kept_is_int8(images: Images, quantizer: Quantizer) -> None:
    keep = (weight_of(images, "second"), weight_of(images, "last"))
    made = CalibratedInt4(quantizer=quantizer, keep=keep).apply(images.subject)
    sizes = {w.name: w.values.size for w in weights(images.subject.float32)}
    found = {w.values.size: w.dtype for w in weights(made)}
    assert [found[sizes[name]] for name in keep] == ["INT8", "INT8"]
    assert found[sizes[weight_of(images, "third")]] == "INT4"


def test_it_needs_examples(images: Images, quantizer: Quantizer) -> None:
    with pytest.raises(RungError, match="at least 16 examples"):
        CalibratedInt4(quantizer=quantizer).apply(Subject(images.subject.float32))
