"""`millstream compress`: the ladder for a file, without the service."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import typer
from keras import layers
from typer.testing import CliRunner

from millstream.cli import compress as command
from millstream.errors import ConfigError
from millstream.rungs.data import places_in_nobodys_order, read_data
from millstream.rungs.file import FileOptions, compress_file, make_section
from millstream.rungs.task import guess_task, loss_of
from registry import LiteModel

ROWS = 600
RUNG = ("--set", "rungs=float16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained on rows, and the rows as CSV."""
    folder = tmp_path_factory.mktemp("compress")
    keras.utils.set_random_seed(3)
    inputs = {name: keras.Input((1,), name=name) for name in ("a", "b")}
    hidden = layers.Dense(64, activation="relu")(layers.Concatenate()(list(inputs.values())))
    hidden = layers.Dense(64, activation="relu")(hidden)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy")
    random = np.random.default_rng(3)
    columns = {name: random.normal(size=(ROWS, 1)).astype(np.float32) for name in inputs}
    late = (columns["a"][:, 0] + columns["b"][:, 0] > 0).astype(np.int64)
    model.fit(columns, late, epochs=5, verbose=0)
    model.save(folder / "model.keras")
    table = np.column_stack([columns["a"], columns["b"], late])
    header = "a,b,late"
    np.savetxt(folder / "rows.csv", table, "%.9g", ",", header=header, comments="")
    return folder


def compress(folder: Path, *options: str):
    app = typer.Typer()
    app.command()(command.compress)
    given = [str(folder / "model.keras"), "--data", str(folder / "rows.csv"), "--label", "late"]
    return CliRunner().invoke(app, [*given, *options])


def test_what_is_written_is_what_was_measured(folder: Path) -> None:
    out = folder / "out"
    result = compress(folder, "--out", str(out), "--set", "rungs=float16,int8")
    assert result.exit_code == 0, result.output
    assert "int8" in result.output
    tflite = (out / "model.tflite").read_bytes()
    assert gzip.decompress((out / "model.tflite.gz").read_bytes()) == tflite
    report = json.loads((out / "rungs.json").read_text())
    assert (report["metric"], report["objective"]) == ("auc", "smallest")
    (chosen,) = (rung for rung in report["rungs"] if rung.get("chosen"))
    assert chosen["bytes"] == len(tflite)
    assert chosen["bytes_ratio"] < 0.5
    assert chosen["scores"]["auc"] > 0.95
    assert (out / "pareto.png").read_bytes().startswith(b"\x89PNG")
    rows = np.genfromtxt(folder / "rows.csv", delimiter=",", names=True)
    test = np.sort(places_in_nobodys_order(ROWS)[: round(0.3 * ROWS)])
    features = {name: rows[name][test].astype(np.float32)[:, None] for name in ("a", "b")}
    answer = LiteModel(tflite).predict(features)
    right = float(((answer > 0.5) == rows["late"][test]).mean())
    assert right == pytest.approx(chosen["scores"]["accuracy"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--label", "lat"), "there is no lat"),
        (("--set", "rungs=int5"), "--set rungs: Value error, expected some of"),
        (("--set", "rung=int8"), "--set rung: Extra inputs"),
        (("--set", "examples=9"), "all rows that do not judge are examples"),
        (("--set", "int8"), "expected key=value, got int8"),
        (("--metric", "rmse"), "rmse"),
        (("--task", "ranking"), "expected --task binary|multiclass|regression and --metric acc"),
        (("--task", "binary", "--task", "regression"), "got binary, regression"),
        (("--task", "regression", "--metric", "auc"), "the task is regression; expected one of"),
        (("--label", "a"), '"a" is an input of the model'),
        (("--code", "nothing.py"), "nothing.py"),
    ],
)
def test_errors_for_people(folder: Path, options: tuple[str, ...], told: str) -> None:
    result = compress(folder, "--out", str(folder / "none"), *options)
    assert result.exit_code != 0
    assert told in f"{result.output} {result.exception}"
    assert not (folder / "none").exists()


def test_the_task_is_the_one_that_the_loss_names() -> None:
    entry = keras.Input((1,))
    model = keras.Model(entry, layers.Dense(1)(entry))
    assert guess_task(model) == "regression"
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    assert guess_task(model) == "binary"
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert guess_task(model) == "multiclass"
    model.compile("sgd", "huber")
    assert guess_task(model) == "regression"


def test_the_task_may_be_named_where_the_model_says_another(folder: Path) -> None:
    named = compress(folder, "--out", str(folder / "named"), *RUNG, "--task", "regression")
    assert named.exit_code == 0, named.output
    report = json.loads((folder / "named" / "rungs.json").read_text())
    assert report["metric"] == "rmse"
    assert report["rungs"][0]["scores"].keys() == {"rmse", "mae", "r2"}


def test_without_rungs_each_change_is_also_tried_with_the_smallest_numbers() -> None:
    section = make_section([])
    assert {"int4", "relu_int4", "pruned_int4", "channels50_int4"} <= set(section.rungs)
    assert len(set(section.rungs)) == len(section.rungs)


def data_of(folder: Path, **columns: object):
    np.savez(folder / "rows.npz", **columns)
    inputs = {"code": keras.Input((), dtype="int32", name="code")}
    return read_data(folder / "rows.npz", inputs, "label", 0.3)


def test_each_row_learns_or_judges_however_the_file_is_sorted(tmp_path: Path) -> None:
    data = data_of(tmp_path, code=np.arange(100), label=np.arange(100) // 50)
    learned, judged = data.examples.features["code"], data.test.features["code"]
    assert (len(learned), len(judged)) == (70, 30)
    assert sorted([*learned, *judged]) == list(range(100))
    assert 5 < np.count_nonzero(data.examples.labels[:35]) < 30


@pytest.mark.parametrize(
    ("code", "label", "told"),
    [
        ([0.5, 1.0], [0, 1], "expected whole numbers that are int32, got 0.5"),
        ([2**40, 1], [0, 1], f"expected whole numbers that are int32, got {2**40}"),
        ([1.0, np.nan], [0, 1], "row 1: expected a finite number"),
        ([1, 2], [[0, 1], [1, 0]], "expected one number a row"),
        (["a", "b"], [0, 1], "expected numbers, encoded as the model takes them, got"),
        (1, [0, 1], "expected rows, got a single value"),
        ([], [], "expected columns of one length, 2 or more"),
        ([], np.array([], str), "it has no rows"),
        ([1, 2, 3], [0, 1], "expected columns of one length"),
    ],
)
def test_rows_that_do_not_fit(tmp_path: Path, code: object, label: object, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        data_of(tmp_path, code=code, label=label)


def test_a_model_of_several_outputs_is_refused(folder: Path) -> None:
    entry = keras.Input((1,), name="a")
    model = keras.Model(entry, [layers.Dense(1)(entry), layers.Dense(1)(entry)])
    model.save(folder / "two.keras")
    options = FileOptions(folder / "two.keras", folder / "rows.csv", "late")
    with pytest.raises(ConfigError, match="expected a model of one output, got 2"):
        compress_file(options, make_section([]), folder / "two")


def test_a_loss_of_labels_in_one_hot_form_gives_way_to_that_of_classes() -> None:
    entry = keras.Input((1,))
    model = keras.Model(entry, layers.Dense(3, activation="softmax")(entry))
    for loss in ("categorical_crossentropy", keras.losses.CategoricalCrossentropy()):
        model.compile("sgd", loss)
        assert loss_of(model, guess_task(model)) == "sparse_categorical_crossentropy"
    model.compile("sgd", "huber")
    assert loss_of(model, "regression") == "huber"


def test_a_model_that_does_not_say_what_it_predicts_is_refused() -> None:
    entry = keras.Input((1,))
    model = keras.Model(entry, layers.Dense(1, activation="tanh")(entry))
    with pytest.raises(ConfigError, match="compile it with its loss"):
        guess_task(model)
