"""A rung that loses a little is tried again with its worst operations in float; others are not."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

import trainer
from millstream.config_compress import CompressConfig
from millstream.measured import FLOAT32, Measured
from millstream.measuring import score_rungs
from millstream.reverting import revert
from registry import Subject, export_float32

ROWS = 400


@pytest.fixture(scope="module")
def subject() -> Subject:
    """A model whose second layer has one huge weight in a channel, which int4 rounds badly."""
    keras.utils.set_random_seed(2)
    entry = keras.Input((16,), name="x")
    hidden = layers.Dense(64, activation="relu")(entry)
    hidden = layers.Dense(64, activation="relu", name="bad")(hidden)
    model = keras.Model(entry, layers.Dense(1)(hidden))
    kernel, bias = model.get_layer("bad").get_weights()
    kernel[np.arange(64), np.arange(64)] *= 40.0
    model.get_layer("bad").set_weights([kernel, bias])
    return Subject(export_float32(model), model)


@pytest.fixture(scope="module")
def features() -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(1).normal(size=(ROWS, 16)).astype(np.float32)}


def run(subject: Subject, features: dict[str, np.ndarray], **settings: object):
    section = CompressConfig(rungs=("int4",), max_output_difference=None, **settings)
    labels = np.zeros(ROWS)

    def score(output: np.ndarray) -> dict[str, float]:
        return trainer.score("regression", labels, output)

    gate = trainer.ScoreGate("rmse", section.max_loss, max_output_difference=None, min_rows=1)
    scored, _ = score_rungs(section, subject, features, score)
    labels = scored[FLOAT32].output
    scored, _ = score_rungs(section, subject, features, score)

    def evidence(one: Measured) -> trainer.Evidence:
        reference = scored[FLOAT32]
        answers = trainer.Answers("regression", labels, one.output, float32=reference.output)
        return trainer.Evidence(
            one.scores, reference.scores, None, one.difference, ROWS, answers=answers
        )

    return scored, revert(section, gate, subject, scored, features, score, evidence)


def test_the_worst_operation_goes_back_and_the_rung_passes(
    subject: Subject, features: dict[str, np.ndarray]
) -> None:
    scored, _ = run(subject, features, max_loss=1e9)
    loss = scored["int4"].scores["rmse"]
    before, after = run(subject, features, max_loss=0.6 * loss)
    mended = after["int4"]
    assert before["int4"].kept_float == ()
    assert mended.kept_float
    assert mended.scores["rmse"] <= 0.6 * loss
    assert before["int4"].cost.bytes < mended.cost.bytes < before[FLOAT32].cost.bytes


def test_a_rung_that_passes_and_one_beyond_mending_stay_as_they_are(
    subject: Subject, features: dict[str, np.ndarray]
) -> None:
    scored, after = run(subject, features, max_loss=1e9)
    assert after["int4"] is scored["int4"]
    loss = scored["int4"].scores["rmse"]
    scored, after = run(subject, features, max_loss=loss / 10)
    assert after["int4"] is scored["int4"]


def test_no_reverts_where_none_are_wanted(
    subject: Subject, features: dict[str, np.ndarray]
) -> None:
    loss = run(subject, features, max_loss=1e9)[0]["int4"].scores["rmse"]
    scored, after = run(subject, features, max_loss=0.6 * loss, reverts=0)
    assert after["int4"] is scored["int4"]
