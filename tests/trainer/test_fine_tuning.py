"""Models that begin from a file, are frozen in part, or train adapters of low rank."""

import shutil
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

import trainer
from registry import LiteModel, export_float32, op_names
from trainer import ModelOptions, TrainSettings
from trainer.models.layer_paths import layers_by_path
from trainer.models.start_from import start_from

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


class Tuned(NamedTuple):
    """A model of the options below, with its variables before and its checkpoints after rounds."""

    model: keras.Model
    before: dict[str, np.ndarray]
    folder: Path


def options(project: Path) -> ModelOptions:
    return ModelOptions(
        start_from=project / "base.keras",
        freeze=("encoder", "places"),
        lora_rank=2,
        lora_layers=("encoder/*", "body"),
        global_clip_norm=1.0,
        accumulate=3,
    )


def train(learner: trainer.Learner) -> None:
    dataset, steps = rows(1)
    learner.train(dataset, steps, None, TrainSettings(1))


@pytest.fixture(scope="module")
def tuned(project: Path) -> Tuned:
    """Trained for two rounds."""
    made = make(project, options(project))
    before = {v.path: v.numpy() for v in made.model.variables}
    learner = trainer.Learner(made.model)
    for number in (1, 2):
        train(learner)
        trainer.save(made.model, project / f"{number}.npz")
    return Tuned(made.model, before, project)


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


def quantized(folder: Path) -> bytes:
    given = keras.Input((4,))
    model = keras.Model(given, keras.layers.Dense(16, name="up")(given))
    model.get_layer("up").quantize("int8")
    model.save(folder / "int8.keras")
    return (folder / "int8.keras").read_bytes()


def test_files_that_cannot_be_begun_from_are_refused(project: Path, tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(trainer.ModelError) as caught:
            make(project, ModelOptions(start_from=path))
        return str(caught.value)

    assert 'no such file; did you mean "base.keras"?' in refused(project / "bse.keras")
    assert "got another thing; load it with Keras" in refused(project / "model.py")
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
    (tmp_path / "quantized.keras").write_bytes(quantized(tmp_path))
    assert '"up/kernel": expected floats, as the model has' in refused(tmp_path / "quantized.keras")
    shutil.copytree(project / "base", tmp_path / "damaged")
    (tmp_path / "damaged" / "variables" / "variables.index").write_bytes(b"none")
    assert "a SavedModel that TensorFlow can read" in refused(tmp_path / "damaged")
    tf.saved_model.save(other, str(tmp_path / "plain"))
    assert "write it with Keras's model.export(FOLDER)" in refused(tmp_path / "plain")


def test_of_a_savedmodel_nothing_but_variables_is_read(project: Path, tmp_path: Path) -> None:
    # Loading its graph would run what the graph says, such as initialisers of tables.
    shutil.copytree(project / "base", tmp_path / "base")
    (tmp_path / "base" / "saved_model.pb").write_bytes(b"no graph")
    model = trainer.build_model("model:build", project, seed=6)
    start_from(model, tmp_path / "base")
    for mine, theirs in zip(model.get_weights(), base(project), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_digests_of_what_is_begun_from(project: Path, tmp_path: Path) -> None:
    assert len({trainer.start_digest(project / name) for name in ("base", "base.keras")}) == 2
    before = trainer.start_digest(project / "base")
    (project / "base" / "more.txt").write_text("x")
    assert trainer.start_digest(project / "base") != before
    (project / "base" / "more.txt").unlink()
    assert trainer.start_digest(project / "base") == before


def test_layers_have_the_same_names_each_time(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        SOURCE.replace(', name="body"', "").replace(', name="up"', "")
    )
    keras.layers.Dense(1)
    before = keras.layers.Dense(1).name
    built = [trainer.build_model("model:build", tmp_path) for _ in range(2)]
    paths = [list(layers_by_path(model)) for model in built]
    assert paths[0] == paths[1]
    assert {"encoder/dense", "dense_1"} < set(paths[0])
    assert int(keras.layers.Dense(1).name.split("_")[1]) == int(before.split("_")[1]) + 1


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


TWINS = """
import keras

class Pair(keras.layers.Layer):
    def build(self, shape):
        self.one = keras.layers.Dense(3, name="proj")
        self.one.build(shape)
        self.two = keras.layers.Dense(3, name="proj")
        self.two.build((None, 3))

    def call(self, x):
        return self.two(self.one(x))

def build():
    given = keras.Input((4,), name="numbers")
    y = keras.layers.Dense(1, name="head")(Pair(name="pair")(given))
    model = keras.Model(given, y)
    model.compile("sgd", "mse")
    return model
"""


def test_layers_of_one_path_are_chosen_together(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(TWINS)
    frozen = make(tmp_path, ModelOptions(freeze=("pair/proj",))).model
    assert {v.path for v in frozen.trainable_variables} == {"head/kernel", "head/bias"}
    options = ModelOptions(freeze=("pair",), lora_rank=1, lora_layers=("pair/*",))
    adapted = make(tmp_path, options).model
    assert sum("lora" in v.path for v in adapted.trainable_variables) == 4
    assert {v.path for v in adapted.trainable_variables if "lora" not in v.path} == {
        "head/kernel",
        "head/bias",
    }


def test_a_model_that_is_all_frozen_is_refused(project: Path) -> None:
    with pytest.raises(trainer.ModelError, match=r"train.freeze: expected something that is left"):
        make(project, ModelOptions(freeze=("*",)))


def test_patterns_that_choose_nothing_are_refused(project: Path) -> None:
    with pytest.raises(trainer.ModelError, match=r'train.freeze: .*"encodr", .*did you mean "enc'):
        make(project, ModelOptions(freeze=("encodr",)))
    with pytest.raises(trainer.ModelError, match=r'train.lora_layers: .*"drop", which is none of'):
        make(project, ModelOptions(lora_rank=2, lora_layers=("drop",)))


def test_only_adapters_and_free_layers_are_trained(tuned: Tuned) -> None:
    moved = {v.path for v in tuned.model.variables if (v.numpy() != tuned.before[v.path]).any()}
    adapters = {f"{n}/lora_kernel_{side}" for n in ("up", "mix", "body") for side in "ab"}
    free = {"body/bias", "head/kernel", "head/bias"}
    assert {path for path in moved if "seed" not in path} == adapters | free


def test_embeddings_have_adapters_too(project: Path) -> None:
    made = make(project, ModelOptions(lora_rank=2, lora_layers=("places",)))
    assert made.tuning is not None
    assert made.tuning.adapted == ("places",)
    place = made.model.get_layer("places")
    place.lora_embeddings_b.assign(np.ones((2, 4)))
    twin = trainer.float32_model(made.model, "model:build", project)
    np.testing.assert_allclose(
        twin.get_layer("places").embeddings.numpy(), np.asarray(place.embeddings), rtol=1e-6
    )


def test_an_adapted_model_is_exported_as_a_plain_one(tuned: Tuned) -> None:
    twin = trainer.float32_model(tuned.model, "model:build", tuned.folder)
    given = features(32, seed=9)
    wanted = trainer.Learner(tuned.model).predict(given)
    plain = trainer.build_model("model:build", tuned.folder)
    plain.set_weights([1.01 * value for value in twin.get_weights()])
    exported, usual = export_float32(twin), export_float32(plain)
    assert op_names(exported) == op_names(usual)
    assert len(exported) == len(usual)
    np.testing.assert_allclose(LiteModel(exported).predict(given), wanted, atol=1e-5)


def test_a_round_of_a_tuned_model_is_replayed_bit_for_bit(tuned: Tuned) -> None:
    made = trainer.prepare_model("model:build", tuned.folder, options(tuned.folder), seed=4)
    trainer.load(made.model, tuned.folder / "1.npz")
    train(trainer.Learner(made.model))
    assert trainer.digest(made.model) == trainer.digest(tuned.folder / "2.npz")


def test_checkpoints_of_adapted_and_plain_models_do_not_mix(tuned: Tuned) -> None:
    plain = trainer.build_model("model:build", tuned.folder)
    with pytest.raises(trainer.CheckpointError, match="of the model now"):
        trainer.load(plain, tuned.folder / "1.npz")
