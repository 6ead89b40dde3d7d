"""Models that begin from a file, are frozen in part, or train adapters of low rank."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import trainer
from registry import LiteModel, export_float32, op_names
from trainer import ModelOptions, TrainSettings
from trainer.layer_paths import layers_by_path

SOURCE = """
import keras
from keras import layers

def encoder():
    given = keras.Input((4,))
    x = layers.Dense(16, activation="relu", name="up")(given)
    x = layers.BatchNormalization(name="norm")(x)
    return keras.Model(given, layers.EinsumDense("ab,bc->ac", 8, bias_axes="c", name="mix")(x),
                       name="encoder")

def build(head="head"):
    numbers = keras.Input((4,), name="numbers")
    place = keras.Input((1,), name="place", dtype="int32")
    known = layers.Flatten(name="flat")(layers.Embedding(6, 4, name="places")(place))
    x = layers.Concatenate(name="both")([encoder()(numbers), known])
    x = layers.Dropout(0.2, name="drop")(layers.Dense(16, activation="tanh", name="body")(x))
    y = layers.Dense(1, activation="sigmoid", name=head)(x)
    model = keras.Model({"numbers": numbers, "place": place}, y)
    model.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", metrics=["AUC"])
    return model

def other():
    return build("new_head")
"""
ROWS = 160


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model file, a `.keras` file, a SavedModel, and the weights of both."""
    folder = tmp_path_factory.mktemp("fine")
    (folder / "model.py").write_text(SOURCE)
    model = trainer.build_model("model:build", folder, seed=5)
    model.save(folder / "base.keras")
    model.export(folder / "base", verbose=False)
    np.savez(folder / "base.npz", *model.get_weights())
    return folder


def features(rows: int = ROWS, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, 4)).astype(np.float32)
    return {"numbers": numbers, "place": rng.integers(0, 6, rows).astype(np.int32)}


def rows(epochs: int) -> tuple[tf.data.Dataset, int]:
    given = features()
    labels = (given["numbers"].sum(1) > 0).astype(np.int32)
    dataset = tf.data.Dataset.from_tensor_slices((given, labels)).batch(48)
    return dataset.repeat(epochs), -(-ROWS // 48)


def make(project: Path, options: ModelOptions, spec: str = "model:build") -> trainer.Prepared:
    return trainer.prepare_model(spec, project, options, seed=3)


def train(model: keras.Model, epochs: int = 2) -> trainer.TrainReport:
    dataset, steps = rows(epochs)
    settings = TrainSettings(epochs, unmonitored_epochs=epochs)
    return trainer.Learner(model).train(dataset, steps, None, settings)


def base(project: Path) -> list[np.ndarray]:
    with np.load(project / "base.npz") as file:
        return [file[name] for name in file.files]


@pytest.mark.parametrize("name", ["base.keras", "base"])
def test_a_model_begins_with_the_weights_of_a_file(project: Path, name: str) -> None:
    made = make(project, ModelOptions(start_from=project / name))
    for mine, theirs in zip(made.model.get_weights(), base(project), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert made.started is not None
    assert len(made.started.taken) == len(base(project))
    assert made.started.kept == ()


@pytest.mark.parametrize("name", ["base.keras", "base"])
def test_a_new_head_stands_on_an_old_body(project: Path, name: str) -> None:
    made = make(project, ModelOptions(start_from=project / name), "model:other")
    assert made.started is not None
    assert made.started.kept == ("new_head/kernel", "new_head/bias")
    for mine, theirs in zip(made.model.get_weights()[:-2], base(project)[:-2], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    fresh = trainer.build_model("model:other", project, seed=3)
    np.testing.assert_array_equal(made.model.get_weights()[-2], fresh.get_weights()[-2])


def test_files_that_cannot_be_begun_from_are_refused(project: Path, tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(trainer.ModelError) as caught:
            make(project, ModelOptions(start_from=path))
        return str(caught.value)

    assert 'no such file; did you mean "base.keras"?' in refused(project / "bse.keras")
    assert "got another thing" in refused(project / "model.py")
    (tmp_path / "bad.keras").write_bytes(b"PK")
    assert "expected a model that Keras can load" in refused(tmp_path / "bad.keras")
    given = keras.Input((4,))
    names = {"up": 3, "else": 3}
    for name, size in names.items():
        other = keras.Model(given, keras.layers.Dense(size, name=name)(given))
        other.save(tmp_path / f"{name}.keras")
    assert "up/kernel" in refused(tmp_path / "up.keras")
    assert "expected shape (4, 16), as the model has, got shape (4, 3)" in refused(
        tmp_path / "up.keras"
    )
    assert "expected variables with names of the model's, got else/kernel" in refused(
        tmp_path / "else.keras"
    )
    tf.saved_model.save(other, str(tmp_path / "plain"))
    assert "write it with Keras's model.export(FOLDER)" in refused(tmp_path / "plain")


def test_digests_of_what_is_begun_from(project: Path, tmp_path: Path) -> None:
    assert len({trainer.start_digest(project / name) for name in ("base", "base.keras")}) == 2
    before = trainer.start_digest(project / "base")
    (project / "base" / "more.txt").write_text("x")
    assert trainer.start_digest(project / "base") != before
    (project / "base" / "more.txt").unlink()
    assert trainer.start_digest(project / "base") == before


def test_layers_go_by_their_paths(project: Path) -> None:
    paths = list(layers_by_path(trainer.build_model("model:build", project)))
    assert "encoder" in paths
    assert {"encoder/up", "encoder/norm", "encoder/mix", "places", "body", "head"} < set(paths)


@pytest.mark.parametrize(
    ("freeze", "rest"),
    [
        (("encoder",), {"places", "body", "head"}),
        (("encoder/*", "places"), {"body", "head"}),
        (("enc*/up", "b*y"), {"norm", "mix", "places", "head"}),
    ],
)
def test_patterns_choose_what_is_frozen(
    project: Path, freeze: tuple[str, ...], rest: set[str]
) -> None:
    made = make(project, ModelOptions(freeze=freeze))
    assert made.tuning is not None
    assert {v.path.split("/")[0] for v in made.model.trainable_variables} == rest


def test_frozen_layers_stay_as_they_are(project: Path) -> None:
    made = make(project, ModelOptions(freeze=("encoder", "b*y")))
    rest = {"places", "head"}
    before = {v.path: v.numpy() for v in made.model.variables}
    train(made.model, 1)
    moved = {v.path for v in made.model.variables if (v.numpy() != before[v.path]).any()}
    assert {path.split("/")[0] for path in moved if "seed" not in path} == rest
    with pytest.raises(trainer.ModelError, match=r"train.freeze: expected something that is left"):
        make(project, ModelOptions(freeze=("*",)))


def test_patterns_that_choose_nothing_are_refused(project: Path) -> None:
    with pytest.raises(trainer.ModelError, match=r'train.freeze: .*"encodr", .*did you mean "enc'):
        make(project, ModelOptions(freeze=("encodr",)))
    with pytest.raises(trainer.ModelError, match=r'train.lora_layers: .*"drop", which is none of'):
        make(project, ModelOptions(lora_rank=2, lora_layers=("drop",)))


LORA = ModelOptions(freeze=("encoder", "places"), lora_rank=2, lora_layers=("encoder/*", "places"))


def test_adapters_are_trained_instead_of_kernels(project: Path) -> None:
    made = make(project, LORA)
    assert made.tuning is not None
    assert made.tuning.adapted == ("encoder/mix", "encoder/up", "places")
    before = {v.path: v.numpy() for v in made.model.variables}
    train(made.model, 1)
    moved = {v.path for v in made.model.variables if (v.numpy() != before[v.path]).any()}
    assert {path for path in moved if path.startswith(("up", "mix", "places"))} == {
        f"{name}/lora_{kind}_{side}"
        for name, kind in (("up", "kernel"), ("mix", "kernel"), ("places", "embeddings"))
        for side in "ab"
    }
    assert {"body/kernel", "head/kernel"} < moved


def test_an_adapted_model_is_exported_as_a_plain_one(project: Path) -> None:
    made = make(project, ModelOptions(lora_rank=2, start_from=project / "base.keras"))
    train(made.model)
    twin = trainer.float32_model(made.model, "model:build", project)
    given = features(32, seed=9)
    wanted = trainer.Learner(made.model).predict(given)
    np.testing.assert_allclose(trainer.Learner(twin).predict(given), wanted, atol=1e-5)
    plain = trainer.build_model("model:build", project)
    rng = np.random.default_rng(1)
    plain.set_weights([v + rng.uniform(0.1, 0.2, v.shape) for v in plain.get_weights()])
    exported, usual = export_float32(twin), export_float32(plain)
    assert op_names(exported) == op_names(usual)
    assert len(exported) == len(usual)
    np.testing.assert_allclose(LiteModel(exported).predict(given), wanted, atol=1e-5)


def test_a_round_of_a_tuned_model_is_replayed_bit_for_bit(project: Path, tmp_path: Path) -> None:
    options = ModelOptions(
        start_from=project / "base.keras",
        freeze=LORA.freeze,
        lora_rank=2,
        lora_layers=("encoder/*", "body"),
        global_clip_norm=1.0,
        accumulate=3,
    )
    first = make(project, options).model
    train(first)
    trainer.save(first, tmp_path / "one.npz")
    train(first)
    again = trainer.prepare_model("model:build", project, options, seed=4).model
    trainer.load(again, tmp_path / "one.npz")
    train(again)
    assert trainer.digest(again) == trainer.digest(first)
    plain = trainer.build_model("model:build", project)
    with pytest.raises(trainer.CheckpointError, match="of the model now"):
        trainer.load(plain, tmp_path / "one.npz")
