"""A rung that fails costs that rung, and never the model that it was made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import trainer
from millstream.config.compress import CompressConfig
from millstream.rungs.measured import FLOAT32
from millstream.rungs.measuring import score_rungs
from registry import Examples, SkippedRung, Subject, export_float32
from registry.compress import Sharing, climb

ROWS = 40


@pytest.fixture(scope="module")
def subject() -> Subject:
    keras.utils.set_random_seed(4)
    entry = keras.Input((8,), name="x")
    hidden = layers.Dense(64, activation="relu")(entry)
    model = keras.Model(entry, layers.Dense(3, activation="softmax")(hidden))
    model.compile("sgd", "categorical_crossentropy")
    rows = np.random.default_rng(4).normal(size=(ROWS, 8)).astype(np.float32)
    examples = Examples({"x": rows}, np.arange(ROWS) % 3)
    return Subject(export_float32(model), model, examples=examples)


@dataclass(frozen=True)
class Failing:
    """A rung whose work ends in what TensorFlow raises."""

    name: str = "failing"

    def apply(self, subject: Subject) -> bytes:
        raise ValueError(f"in user code:\n\n    File\n\n    {len(subject.float32)} bytes are odd")


def test_whatever_a_rung_raises_is_the_reason_why_it_is_skipped(subject: Subject) -> None:
    said = f"ValueError: {len(subject.float32)} bytes are odd"
    assert climb(Failing(), subject) == SkippedRung("failing", said)


def test_a_loss_that_does_not_take_the_labels_costs_the_rungs_that_train(subject: Subject) -> None:
    assert subject.examples is not None
    section = CompressConfig(rungs=("int8", "channels50_int8"), fine_tune_epochs=1)
    labels = np.asarray(subject.examples.labels)

    def score(output: Any) -> dict[str, float]:
        return trainer.score("multiclass", labels, output)

    found, skipped = score_rungs(section, Sharing(subject), subject.examples.features, score)
    assert list(found) == [FLOAT32, "int8"]
    assert list(skipped) == ["channels50_int8"]
    assert "ValueError" in skipped["channels50_int8"]


def test_bytes_that_cannot_be_scored_are_skipped_and_those_of_float32_are_not(
    subject: Subject,
) -> None:
    assert subject.examples is not None
    features = subject.examples.features
    expected: list[Any] = []

    def score(output: Any) -> dict[str, float]:
        expected.append(output)
        if not np.array_equal(output, expected[0]):
            raise trainer.MetricError("predictions", expected="some", got="others", mend="mend")
        return {"accuracy": 0.5}

    found, skipped = score_rungs(CompressConfig(rungs=("int8",)), Sharing(subject), features, score)
    assert list(found) == [FLOAT32]
    assert skipped["int8"].startswith("its bytes cannot be scored: predictions: expected some")

    def refuse(output: Any) -> dict[str, float]:
        raise trainer.MetricError("predictions", expected="x", got=str(len(output)), mend="mend")

    with pytest.raises(trainer.MetricError):
        score_rungs(CompressConfig(rungs=("int8",)), Sharing(subject), features, refuse)
