import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trainer
from trainer import Faded


def direct(losses: list[float], weights: list[float], fading: float) -> float:
    """Gama's recursion, a row at a time."""
    s = b = 0.0
    for loss, weight in zip(losses, weights, strict=True):
        s, b = weight * loss + fading * s, weight + fading * b
    return s / b


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 5)), min_size=1, max_size=60),
    st.lists(st.integers(0, 60), max_size=4),
    st.floats(0.5, 1.0),
)
def test_rounds_of_any_size_give_the_direct_formula(rows, cuts, fading) -> None:
    losses, weights = (np.array(part) for part in zip(*rows, strict=True))
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    state = Faded.empty()
    for start, end in itertools.pairwise(edges):
        state = state.after({"mae": losses[start:end]}, {}, weights[start:end], fading)
        state = Faded.from_json(json.loads(json.dumps(state.to_json())), "regression")
    expected = direct(losses.tolist(), weights.tolist(), fading)
    assert state.values()["mae"] == pytest.approx(expected, rel=1e-9)


def test_without_fading_it_is_the_mean_of_all_rows() -> None:
    labels = np.array([1, 0, 1, 1, 0, 0])
    chances = np.array([0.9, 0.2, 0.4, 0.8, 0.7, 0.1])
    state = Faded.empty()
    for part in (slice(0, 2), slice(2, 6)):
        values = trainer.row_losses("binary", labels[part], chances[part])
        scores = trainer.score("binary", labels[part], chances[part])
        state = state.after(values, scores, None, 1.0)
    whole = trainer.score("binary", labels, chances)
    faded = state.values()
    assert faded["accuracy"] == pytest.approx(whole["accuracy"])
    assert faded["log_loss"] == pytest.approx(whole["log_loss"])
    parts = [trainer.score("binary", labels[p], chances[p])["auc"] for p in (slice(2), slice(2, 6))]
    assert faded["auc"] == pytest.approx((2 * parts[0] + 4 * parts[1]) / 6)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_rows_add_up_to_the_metrics(task: str) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2 if task == "binary" else 3, 200)
    output = random.dirichlet([1, 1, 1], 200)
    output = {"binary": output[:, 0], "multiclass": output, "regression": output[:, :1]}[task]
    weights = random.uniform(0.5, 2, 200)
    scores = trainer.score(task, labels, output, weights)
    state = Faded.empty().after(trainer.row_losses(task, labels, output), scores, weights, 1.0)
    assert set(state.values()) == set(trainer.METRICS[task])
    for name, value in state.values().items():
        assert value == pytest.approx(scores[name]), name


def test_a_certain_prediction_that_is_wrong_costs_what_scikit_learn_says() -> None:
    labels, chances = np.array([0, 1]), np.array([1.0, 1.0])
    losses = trainer.row_losses("binary", labels, chances)["log_loss"]
    assert losses.mean() == pytest.approx(trainer.score("binary", labels, chances)["log_loss"])


def test_it_forgets() -> None:
    state = Faded.empty().after({"mae": np.ones(1000)}, {}, None, 0.99)
    state = state.after({"mae": np.zeros(1000)}, {}, None, 0.99)
    assert state.values()["mae"] < 1e-4


def test_what_is_not_finite_or_not_there_changes_nothing() -> None:
    state = Faded.empty().after({"mae": np.ones(3)}, {"r2": 0.5}, None, 0.9)
    assert state.after({"mae": np.array([1.0, np.nan])}, {}, None, 0.9) == state
    assert state.after({"mae": np.zeros(2)}, {"mae": np.nan, "r2": np.nan}, None, 0.9) == state
    assert state.after({"mae": np.zeros(0)}, {}, None, 0.9) == state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"format": 2, "sums": {}}, r"expected format 1, got format 2"),
        ({"format": 1}, r"expected two numbers for each metric, got None"),
        ({"format": 1, "sums": {"accuracy": [1.0]}}, r"expected two numbers"),
        ({"format": 1, "sums": {"accuracy": [1.0, -1.0]}}, r"expected two numbers"),
        ({"format": 1, "sums": {"rmse": [1.0, 1.0]}}, r"expected auc, accuracy, log_loss, got rm"),
    ],
)
def test_a_foreign_or_damaged_state_is_refused(state: dict, message: str) -> None:
    with pytest.raises(trainer.MetricError, match=message):
        Faded.from_json(state, "binary")
