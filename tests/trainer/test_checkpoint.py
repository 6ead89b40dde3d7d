import json
import os
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import make_data, make_dataset, make_model

import trainer
from trainer import checkpoint
from trainer.fit.callback_state import callback_state, keep_callback_state


@pytest.fixture(scope="module")
def round_of() -> tuple[keras.Model, list[np.ndarray]]:
    """A model that was trained once for all tests, and its state then."""
    keras.utils.set_random_seed(7)
    model = make_model()
    dataset, steps = make_dataset(make_data(200), 1)
    trainer.Learner(model).train(dataset, steps)
    return model, state(model)


@pytest.fixture
def trained(round_of: tuple[keras.Model, list[np.ndarray]]) -> keras.Model:
    model, values = round_of
    for variable, value in zip((*model.variables, *model.optimizer.variables), values, strict=True):
        variable.assign(value)
    keep_callback_state(model, "")
    return model


def state(model: keras.Model) -> list[np.ndarray]:
    return [np.array(v.numpy()) for v in (*model.variables, *model.optimizer.variables)]


def test_round_trip_is_exact(trained: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    saved = trainer.save(trained, path)
    other = make_model()
    assert trainer.digest(other) != saved
    assert trainer.load(other, path) == saved
    assert trainer.digest(other) == trainer.digest(path) == trainer.digest(trained) == saved
    assert int(other.optimizer.iterations.numpy()) == 4
    for a, b in zip(state(trained), state(other), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    assert any("seed" in variable.path for variable in other.variables)


def test_file_needs_no_pickle(trained: keras.Model, tmp_path: Path) -> None:
    trainer.save(trained, tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as file:
        assert {file[name].dtype.kind for name in file.files} <= set("iuf")


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.SGD(0.1, momentum=0.9),
        keras.optimizers.AdamW(0.01, use_ema=True),
        keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_any_optimizer(optimizer: keras.optimizers.Optimizer, tmp_path: Path) -> None:
    copy = type(optimizer).from_config(optimizer.get_config())
    model, other = make_model(optimizer), make_model(copy)
    dataset, steps = make_dataset(make_data(200), 1)
    trainer.Learner(model).train(dataset, steps)
    saved = trainer.save(model, tmp_path / "model.npz")
    assert trainer.load(other, tmp_path / "model.npz") == trainer.digest(other) == saved


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_float16"])
def test_other_dtypes(policy: str, tmp_path: Path) -> None:
    def make() -> keras.Model:
        amount = keras.Input((1,), name="amount")
        layer = keras.layers.Dense(3, dtype=policy)
        model = keras.Model({"amount": amount}, layer(amount))
        model.compile("adam", "mse")
        return model

    model, other = make(), make()
    saved = trainer.save(model, tmp_path / "model.npz")
    assert trainer.load(other, tmp_path / "model.npz") == saved == trainer.digest(other)


def test_digest_sees_every_variable(trained: keras.Model) -> None:
    seen = {trainer.digest(trained)}
    variables = [*trained.variables, *trained.optimizer.variables]
    for variable in variables:
        variable.assign(variable + 1)
        seen.add(trainer.digest(trained))
    assert len(seen) == len(variables) + 1


def test_layer_counters_of_the_process_do_not_matter(tmp_path: Path) -> None:
    first, second = make_model(), make_model()
    assert first.layers[-1].kernel.path != second.layers[-1].kernel.path
    second.set_weights(first.get_weights())
    for a, b in zip(first.variables, second.variables, strict=True):
        b.assign(a)
    assert trainer.digest(first) == trainer.digest(second)


def test_other_model_is_refused_with_both_sides(trained: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    trainer.save(trained, path)
    wider = make_model(noise=lambda hidden: keras.layers.Dense(4)(hidden))
    trainer.Learner(wider)
    wider.optimizer.build(wider.trainable_variables)
    before = state(wider)
    with pytest.raises(trainer.CheckpointError) as caught:
        trainer.load(wider, path)
    assert "[16, 4] (of the model now)" in str(caught.value)
    assert "[16, 1] saved" in str(caught.value)
    assert "\n" not in str(caught.value)
    for a, b in zip(before, state(wider), strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_optimizer_is_refused(trained: keras.Model, tmp_path: Path) -> None:
    trainer.save(trained, tmp_path / "model.npz")
    with pytest.raises(trainer.CheckpointError, match="of the model now"):
        trainer.load(make_model(keras.optimizers.SGD(0.1)), tmp_path / "model.npz")


def test_missing_file(trained: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(trainer.CheckpointError, match="no such file"):
        trainer.load(trained, tmp_path / "none.npz")


def test_folder_that_is_not_there(trained: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(trainer.CheckpointError, match="a place to write to"):
        trainer.save(trained, tmp_path / "none" / "model.npz")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 not really"])
def test_foreign_bytes(trained: keras.Model, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(trainer.CheckpointError, match="a whole millstream checkpoint"):
        trainer.load(trained, path)


def test_foreign_npz_and_npy(trained: keras.Model, tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", a=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name in ("model.npz", "array.npy"):
        with pytest.raises(trainer.CheckpointError, match="a whole millstream checkpoint"):
            trainer.load(trained, tmp_path / name)


def test_other_format_is_refused(
    trained: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.npz"
    monkeypatch.setattr(checkpoint, "PLAIN", 3)
    trainer.save(trained, path)
    monkeypatch.undo()
    with pytest.raises(trainer.CheckpointError, match=r"format 1 or 2, got format 3 saved"):
        trainer.load(trained, path)


def test_damage_anywhere_is_seen(trained: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    saved = trainer.save(trained, path)
    whole = path.read_bytes()
    before = state(trained)
    for at in range(0, len(whole), 97):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        path.write_bytes(damaged)
        with suppress(trainer.CheckpointError):
            assert trainer.load(trained, path) == saved
        for a, b in zip(before, state(trained), strict=True):
            np.testing.assert_array_equal(a, b)
    for length in range(0, len(whole), 501):
        path.write_bytes(whole[:length])
        with pytest.raises(trainer.CheckpointError):
            trainer.load(trained, path)


def test_damage_to_what_zip_says_of_its_parts_is_seen(tmp_path: Path) -> None:
    given = keras.Input((1,))
    small = keras.Model(given, keras.layers.Dense(1)(given))
    small.compile("sgd", "mse")
    path = tmp_path / "model.npz"
    saved = trainer.save(small, path)
    whole = path.read_bytes()
    for at in range(whole.index(b"PK\x01\x02"), len(whole)):
        for byte in {whole[at] ^ 1, whole[at] ^ 8, 0, 255} - {whole[at]}:
            path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
            with suppress(trainer.CheckpointError):
                assert trainer.digest(path) == saved


def test_old_file_stays_whole_when_writing_fails(
    trained: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.npz"
    saved = trainer.save(trained, path)
    trained.variables[0].assign(trained.variables[0] + 1)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(trainer.CheckpointError, match="No space left"):
        trainer.save(trained, path)
    assert trainer.digest(path) == saved
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.npz"]


def test_save_replaces_an_older_checkpoint(trained: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    first = trainer.save(trained, path)
    trained.variables[0].assign(trained.variables[0] + 1)
    assert trainer.save(trained, path) == trainer.digest(path) != first


def test_the_state_of_callbacks_makes_it_format_2(trained: keras.Model, tmp_path: Path) -> None:
    def header() -> dict[str, object]:
        with np.load(path, allow_pickle=False) as file:
            return json.loads(file["header"].tobytes())

    path, text = tmp_path / "model.npz", '[{"callback":"A","state":{"wait":2}}]'
    plain = trainer.save(trained, path)
    assert header()["format"] == 1
    keep_callback_state(trained, text)
    saved = trainer.save(trained, path)
    assert header()["format"] == 2
    assert trainer.digest(trained) == saved != plain
    other = make_model()
    assert trainer.load(other, path) == saved == trainer.digest(other)
    assert callback_state(other) == text
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    damaged = json.dumps({**header(), "callbacks": text.replace("2", "3")}).encode()
    np.savez(path, **{**arrays, "header": np.frombuffer(damaged, np.uint8)})
    with pytest.raises(trainer.CheckpointError, match="a whole millstream checkpoint"):
        trainer.load(other, path)
    keep_callback_state(trained, "")
    trainer.save(trained, path)
    assert trainer.load(other, path) == plain
    assert callback_state(other) == ""
