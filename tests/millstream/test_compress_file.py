"""`millstream compress`: the ladder for a file, without the service."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import typer
from keras import layers
from typer.testing import CliRunner

from millstream.cli import compress as command
from millstream.compress_data import places_of_test
from millstream.compress_file import guess_task
from registry import LiteModel

ROWS = 600


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
    test = places_of_test(ROWS, 0.3)
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
        (("--set", "int8"), "expected key=value, got int8"),
        (("--metric", "rmse"), "rmse"),
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
