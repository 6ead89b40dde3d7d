"""Precision, XLA, clipping and accumulation over the user's model and optimizer."""

from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import make_data, make_dataset

import trainer
from registry import LiteModel, export_float32
from trainer import ModelOptions, TrainSettings

SOURCE = """
import keras
from keras import layers

def build():
    names = ("amount", "hour")
    inputs = {name: keras.Input((1,), name=name) for name in names}
    x = layers.Concatenate()([inputs["amount"], inputs["hour"]])
    x = layers.Dropout(0.2)(layers.Dense(32, activation="relu")(x))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    model.compile(keras.optimizers.SGD(0.1, clipnorm=5.0), "binary_crossentropy")
    return model
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(SOURCE)
    return tmp_path


def make(project: Path, options: ModelOptions, seed: int = 3) -> keras.Model:
    return trainer.prepare_model("model:build", project, options, seed=seed).model


def train(model: keras.Model, xla: bool | None = None) -> trainer.TrainReport:
    dataset, steps = make_dataset(make_data(256), 1)
    return trainer.Learner(model, xla=xla).train(dataset, steps, None, TrainSettings(1))


def test_without_options_the_model_is_as_it_was_built(project: Path) -> None:
    plain = trainer.build_model("model:build", project, seed=3)
    assert trainer.digest(make(project, ModelOptions())) == trainer.digest(plain)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_and_exports_in_float32(project: Path, precision: str) -> None:
    model = make(project, ModelOptions(precision=precision))
    plain = make(project, ModelOptions())
    computed = {layer.compute_dtype for layer in model.layers if layer.weights}
    assert computed == {precision.removeprefix("mixed_"), "float32"}
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
    assert train(model).diverged is None
    given = make_data(64, seed=5).features
    wanted = trainer.Learner(model).predict(given)
    assert (wanted.astype(np.float16).astype(np.float32) != wanted).any()
    twin = trainer.float32_model(model, "model:build", project)
    assert {layer.compute_dtype for layer in twin.layers} == {"float32"}
    np.testing.assert_allclose(trainer.Learner(twin).predict(given), wanted, atol=0.02)
    if precision == "mixed_bfloat16":
        exported = export_float32(twin)
        plain.set_weights([value + 0.1 for value in plain.get_weights()])
        assert len(exported) == len(export_float32(plain))
        np.testing.assert_allclose(LiteModel(exported).predict(given), wanted, atol=0.02)


def test_a_mixed_round_is_replayed_bit_for_bit(project: Path) -> None:
    options = ModelOptions(precision="mixed_float16")
    model, other = make(project, options), make(project, options, seed=4)
    trainer.save(model, project / "zero.npz")
    train(model)
    saved = trainer.save(model, project / "one.npz")
    trainer.load(other, project / "zero.npz")
    train(other)
    assert trainer.digest(other) == saved == trainer.digest(project / "one.npz")


def test_twins_of_other_builds_are_refused(project: Path) -> None:
    model = make(project, ModelOptions(precision="mixed_bfloat16"))
    (project / "model.py").write_text(SOURCE.replace("32", "16"))
    with pytest.raises(trainer.ModelError, match="the same model each time that it is built"):
        trainer.float32_model(model, "model:build", project)


def test_accumulated_batches_are_one_step_of_their_rows(project: Path) -> None:
    (project / "model.py").write_text(SOURCE.replace("layers.Dropout(0.2)(", "("))
    small = make(project, ModelOptions(accumulate=3))
    large = make(project, ModelOptions())
    data = make_data(288)
    for model, batch in ((small, 32), (large, 96)):
        dataset, steps = make_dataset(data, 1, batch=batch)
        trainer.Learner(model).train(dataset, steps, None, TrainSettings(1))
    for mine, theirs in zip(small.get_weights(), large.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    assert int(small.optimizer.iterations) == int(large.optimizer.iterations.numpy()) == 3


def test_gradients_that_wait_go_on_in_the_next_round(project: Path) -> None:
    model, other = (make(project, ModelOptions(accumulate=4), seed) for seed in (3, 4))
    learner = trainer.Learner(model)
    dataset, steps = make_dataset(make_data(300), 1)
    learner.train(dataset, steps, None, TrainSettings(1))
    waiting = [v for v in model.optimizer.variables if "accumulator" in v.path]
    assert steps % 4
    assert any(np.any(v.numpy()) for v in waiting)
    trainer.save(model, project / "one.npz")
    trainer.load(other, project / "one.npz")
    for each in (learner, trainer.Learner(other)):
        each.train(dataset, steps, None, TrainSettings(1))
    assert trainer.digest(other) == trainer.digest(model)
    waiting[0].assign(waiting[0] + 1)
    assert trainer.digest(other) != trainer.digest(model)


@pytest.mark.parametrize("name", ["clip_norm", "clip_value", "global_clip_norm"])
def test_clipping_bounds_the_step(project: Path, name: str) -> None:
    model = make(project, ModelOptions(**{name: 1e-3}))
    before = model.get_weights()
    dataset, steps = make_dataset(make_data(64), 1)
    trainer.Learner(model).train(dataset, steps, None, TrainSettings(1))
    moved = [now - old for now, old in zip(model.get_weights(), before, strict=True)]
    sizes = {
        "clip_norm": max(np.linalg.norm(part) for part in moved),
        "clip_value": max(np.abs(part).max() for part in moved),
        "global_clip_norm": np.sqrt(sum(np.sum(part**2) for part in moved)),
    }
    assert sizes[name] == pytest.approx(0.1 * 1e-3, rel=1e-3)
    set_ones = [
        model.optimizer.clipnorm,
        model.optimizer.clipvalue,
        model.optimizer.global_clipnorm,
    ]
    assert [value for value in set_ones if value is not None] == [1e-3]


def test_xla_trains_the_same_bits_again(project: Path) -> None:
    (project / "model.py").write_text(SOURCE.replace("layers.Dropout(0.2)(", "("))
    digests, reports = set(), []
    for _ in range(2):
        model = make(project, ModelOptions())
        reports.append(train(model, xla=True))
        digests.add(trainer.digest(model))
    assert len(digests) == 1
    plain = make(project, ModelOptions())
    without = train(plain)
    assert trainer.digest(plain) not in digests
    assert reports[0].compile_seconds > without.compile_seconds
    for mine, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"precision": "float16"}, "train.precision: expected float32, mixed_bfloat16"),
        ({"accumulate": 0}, "train.accumulate: expected at least 1, got 0"),
        ({"clip_norm": 0.0}, "train.clip_norm: expected a number above 0, got 0.0"),
        ({"clip_norm": 1.0, "clip_value": 1.0}, "expected one way of clipping"),
        ({"lora_rank": 0}, "train.lora_rank: expected at least 1, got 0"),
    ],
)
def test_options_out_of_range_are_refused(changes: dict[str, object], text: str) -> None:
    with pytest.raises(trainer.SettingsError) as caught:
        ModelOptions(**changes)
    assert text in str(caught.value)
