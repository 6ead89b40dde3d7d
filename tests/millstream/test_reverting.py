"""A rung that loses a little is tried again with its worst operations in float; others are not."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

import trainer
from millstream.config.compress import CompressConfig
from millstream.rungs.measured import FLOAT32, Measured
from millstream.rungs.measuring import ladder_settings, score_rungs
from millstream.rungs.reverting import revert, worth_mending
from registry import Artifact, Examples, Subject, export_float32, weights
from registry.compress import Sharing, climb, keeping
from registry.measure import Cost

ROWS = 400


@pytest.fixture(scope="module")
def shared() -> Sharing:
    """A model whose second layer has one huge weight in a channel, which int4 rounds badly."""
    return Sharing(spoiled())


def spoiled() -> Subject:
    """The same model each time; a quarter of the units of its first layer do nothing."""
    keras.utils.set_random_seed(2)
    entry = keras.Input((16,), name="x")
    hidden = layers.Dense(64, activation="relu", name="first")(entry)
    hidden = layers.Dense(64, activation="relu", name="bad")(hidden)
    model = keras.Model(entry, layers.Dense(1, name="last")(hidden))
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([kernel * (np.arange(64) < 48), bias])
    kernel, bias = model.get_layer("bad").get_weights()
    kernel[np.arange(64), np.arange(64)] *= 40.0 * (np.arange(64) < 48)
    model.get_layer("bad").set_weights([kernel, bias])
    x = np.random.default_rng(3).normal(size=(64, 16)).astype(np.float32)
    return Subject(export_float32(model), model, examples=Examples({"x": x}, np.zeros(64)))


@pytest.fixture(scope="module")
def features() -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(1).normal(size=(ROWS, 16)).astype(np.float32)}


def run(shared: Sharing, features: dict[str, np.ndarray], rung: str = "int4", **settings: object):
    section = CompressConfig(
        rungs=(rung,), max_output_difference=None, fine_tune_epochs=1, **settings
    )
    labels = np.zeros(ROWS)

    def score(output: np.ndarray) -> dict[str, float]:
        return trainer.score("regression", labels, output)

    gate = trainer.ScoreGate("rmse", section.max_loss, max_output_difference=None, min_rows=1)
    scored, _ = score_rungs(section, shared, features, score)
    labels = scored[FLOAT32].output
    scored, _ = score_rungs(section, shared, features, score)

    def evidence(one: Measured) -> trainer.Evidence:
        reference = scored[FLOAT32]
        answers = trainer.Answers("regression", labels, one.output, float32=reference.output)
        return trainer.Evidence(
            one.scores, reference.scores, None, one.difference, ROWS, answers=answers
        )

    return scored, revert(section, gate, shared, scored, features, score, evidence)


def test_the_worst_operation_goes_back_and_the_rung_passes(
    shared: Sharing, features: dict[str, np.ndarray]
) -> None:
    scored, _ = run(shared, features, max_loss=1e9)
    loss = scored["int4"].scores["rmse"]
    before, after = run(shared, features, max_loss=0.6 * loss)
    mended = after["int4"]
    assert before["int4"].kept == ()
    assert mended.kept
    assert mended.scores["rmse"] <= 0.6 * loss
    assert before["int4"].cost.bytes < mended.cost.bytes < before[FLOAT32].cost.bytes


def test_a_rung_that_passes_and_one_beyond_mending_stay_as_they_are(
    shared: Sharing, features: dict[str, np.ndarray]
) -> None:
    scored, after = run(shared, features, max_loss=1e9)
    assert after["int4"] is scored["int4"]
    loss = scored["int4"].scores["rmse"]
    scored, after = run(shared, features, max_loss=loss / 10)
    assert after["int4"] is scored["int4"]


def test_no_reverts_where_none_are_wanted(shared: Sharing, features: dict[str, np.ndarray]) -> None:
    loss = run(shared, features, max_loss=1e9)[0]["int4"].scores["rmse"]
    scored, after = run(shared, features, max_loss=0.6 * loss, reverts=0)
    assert after["int4"] is scored["int4"]


def test_of_a_changed_model_operations_go_back_to_the_changed_float(
    shared: Sharing, features: dict[str, np.ndarray]
) -> None:
    rung = "channels25_int4"  # takes the units that do nothing, so all the loss is of int4
    loss = run(shared, features, rung, max_loss=1e9)[0][rung].scores["rmse"]
    before, after = run(shared, features, rung, max_loss=0.6 * loss)
    mended = after[rung]
    assert not before[rung].kept
    assert mended.kept_as == "float"
    assert mended.scores["rmse"] <= 0.6 * loss < before[rung].scores["rmse"]
    assert before[rung].cost.bytes < mended.cost.bytes < before[FLOAT32].cost.bytes
    settings = ladder_settings(CompressConfig(rungs=(rung,), fine_tune_epochs=1), (rung,))
    other = spoiled()  # as in a replay: Keras counts the models of a process in their names
    assert weights(other.float32)[0].name != weights(shared.subject.float32)[0].name
    again = climb(keeping(rung, mended.kept, settings), other)
    assert isinstance(again, Artifact), again
    assert again.sha256 == mended.artifact.sha256
    assert f"left in float32: {', '.join(mended.kept)}" in again.notes


def test_calibrated_int4_is_mended_by_int8(
    shared: Sharing, features: dict[str, np.ndarray]
) -> None:
    rung = "calibrated_int4"
    scored, _ = run(shared, features, rung, max_loss=1e9)
    loss = scored[rung].scores["rmse"]
    before, after = run(shared, features, rung, max_loss=0.6 * loss)
    mended = after[rung]
    assert mended.kept_as == "int8"
    assert mended.scores["rmse"] <= 0.6 * loss
    assert before[rung].cost.bytes < mended.cost.bytes < 0.4 * before[FLOAT32].cost.bytes
    assert "int8" in mended.artifact.notes[0]


def test_what_the_change_itself_loses_no_operation_mends(
    shared: Sharing, features: dict[str, np.ndarray]
) -> None:
    rung = "channels50_int4"  # a quarter of the units that matter go, too
    loss = run(shared, features, rung, max_loss=1e9)[0][rung].scores["rmse"]
    scored, after = run(shared, features, rung, max_loss=0.3 * loss)
    assert after[rung] is scored[rung]


@pytest.mark.parametrize(("objective", "worth"), [("smallest", False), ("fastest", True)])
def test_what_is_larger_than_one_that_passes_is_not_mended_where_the_smallest_ships(
    objective: str, worth: bool
) -> None:
    sizes = {FLOAT32: 1000, "int8": 300, "channels25_int8": 250}
    measured = {
        name: Measured(Artifact(name, b""), b"", np.zeros(1), {"rmse": 0.0}, 0.0, Cost(1, size))
        for name, size in sizes.items()
    }
    gate = trainer.ScoreGate("rmse", 1.0, min_rows=1)
    section = CompressConfig(rungs=tuple(sizes), objective=objective, fine_tune_epochs=1)
    refused = {"int8": "it lost a little"}
    assert worth_mending(section, gate, measured, refused, "int8") is worth
    assert worth_mending(section, gate, measured, {**refused, "channels25_int8": "too"}, "int8")
