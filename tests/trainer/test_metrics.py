import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import trainer

LABELS = np.array([0, 1, 1, 0])
CHANCES = np.array([0.1, 0.9, 0.4, 0.6], np.float32)


def test_binary_by_hand() -> None:
    scores = trainer.score("binary", LABELS, CHANCES)
    assert scores["auc"] == pytest.approx(3 / 4)
    assert scores["accuracy"] == 0.5
    expected = -np.mean(np.log([0.9, 0.9, 0.4, 0.4]))
    assert scores["log_loss"] == pytest.approx(expected, rel=1e-6)
    assert tuple(scores) == trainer.METRICS["binary"]


@pytest.mark.parametrize(
    "shaped", [CHANCES[:, None], np.column_stack([1 - CHANCES, CHANCES])], ids=["n,1", "n,2"]
)
def test_binary_shapes(shaped: np.ndarray) -> None:
    scores = trainer.score("binary", LABELS.astype(bool), shaped)
    assert scores == trainer.score("binary", LABELS, CHANCES)


def test_multiclass_by_hand() -> None:
    chances = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.5, 0.4, 0.1]])
    scores = trainer.score("multiclass", np.array([0, 2, 1]), chances)
    assert scores["accuracy"] == pytest.approx(2 / 3)
    assert scores["log_loss"] == pytest.approx(-np.mean(np.log([0.7, 0.4, 0.4])))


def test_regression_by_hand() -> None:
    scores = trainer.score("regression", np.array([1.0, 2.0, 3.0]), np.array([[1.0], [2.0], [5.0]]))
    assert scores["rmse"] == pytest.approx(math.sqrt(4 / 3))
    assert scores["mae"] == pytest.approx(2 / 3)
    assert scores["r2"] == pytest.approx(-1.0)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_weights_are_repetitions(task: trainer.Task) -> None:
    times = np.array([1, 3, 0, 2])
    weighted = trainer.score(task, LABELS, CHANCES, times.astype(np.float32))
    repeated = trainer.score(task, np.repeat(LABELS, times), np.repeat(CHANCES, times))
    assert weighted == pytest.approx(repeated)


def test_what_cannot_be_computed_is_left_out() -> None:
    assert set(trainer.score("binary", np.ones(4, int), CHANCES)) == {"accuracy", "log_loss"}
    assert "r2" not in trainer.score("regression", np.ones(4), CHANCES)
    assert "r2" not in trainer.score("regression", np.ones(1), CHANCES[:1])
    assert trainer.score("binary", LABELS[:0], CHANCES[:0]) == {}
    assert trainer.score("binary", LABELS, CHANCES, np.zeros(4)) == {}


@pytest.mark.parametrize("task", list(trainer.METRICS))
def test_non_finite_prediction_makes_every_score_nan(task: trainer.Task) -> None:
    predictions = np.full((4, 3) if task == "multiclass" else 4, 0.3)
    predictions[2] = np.nan
    scores = trainer.score(task, LABELS, predictions)
    assert tuple(scores) == trainer.METRICS[task]
    assert all(math.isnan(value) for value in scores.values())


REFUSED = {
    "logits": ("binary", LABELS, CHANCES * 5, "add a sigmoid"),
    "negative": ("binary", LABELS, CHANCES - 0.5, "add a sigmoid"),
    "labels": ("binary", LABELS + 1, CHANCES, "expected 0 or 1, got 2"),
    "rows": ("binary", LABELS, CHANCES[:3], "expected 4 rows"),
    "three dims": ("binary", LABELS, CHANCES.reshape(4, 1, 1), "[4, 1, 1]"),
    "columns": ("binary", LABELS, np.full((4, 3), 1 / 3), "one value a row"),
    "one column": ("multiclass", LABELS, CHANCES, "shape [n, classes]"),
    "class": ("multiclass", LABELS + 2, np.full((4, 3), 1 / 3), "class indices 0 to 2, got 3"),
    "sum": ("multiclass", LABELS, np.full((4, 3), 0.5), "rows that sum to 1, got 1.5"),
    "softmax": ("multiclass", LABELS, np.full((4, 3), 5.0), "add a softmax"),
    "values": ("regression", LABELS, np.zeros((4, 2)), "end in Dense(1)"),
    "task": ("ranking", LABELS, CHANCES, "one of binary, multiclass, regression"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str) -> None:
    task, labels, predictions, text = REFUSED[case]
    with pytest.raises(trainer.MetricError) as caught:
        trainer.score(task, labels, predictions)
    assert text in str(caught.value)


@pytest.mark.parametrize("weights", [np.ones(3), np.full(4, np.nan), -np.ones(4)])
def test_bad_weights(weights: np.ndarray) -> None:
    with pytest.raises(trainer.MetricError, match="finite numbers of at least 0"):
        trainer.score("binary", LABELS, CHANCES, weights)


def test_rounding_beyond_the_range_is_fine() -> None:
    assert trainer.score("binary", LABELS, np.array([-1e-4, 1.0001, 0.4, 0.6]))["auc"] == 0.75


@given(
    hnp.arrays(np.int64, 20, elements=st.integers(0, 1)),
    hnp.arrays(np.float64, 20, elements=st.floats(0, 1)),
    st.permutations(range(20)),
)
def test_order_of_rows_does_not_matter(
    labels: np.ndarray, chances: np.ndarray, order: list[int]
) -> None:
    scores = trainer.score("binary", labels, chances)
    assert trainer.score("binary", labels[order], chances[order]) == pytest.approx(scores)
    assert 0 <= scores.get("auc", 0.5) <= 1
    assert 0 <= scores["accuracy"] <= 1
    assert scores["log_loss"] >= 0


def test_directions() -> None:
    better = [m for names in trainer.METRICS.values() for m in names if trainer.higher_is_better(m)]
    assert sorted(set(better)) == ["accuracy", "auc", "r2"]
    with pytest.raises(trainer.MetricError, match='did you mean "accuracy"'):
        trainer.higher_is_better("acuracy")
