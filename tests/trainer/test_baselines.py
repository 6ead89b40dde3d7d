import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trainer
from trainer import Baselines


def test_first_round_knows_nothing() -> None:
    labels = np.array([1, 1, 0])
    state = Baselines("binary")
    np.testing.assert_array_equal(trainer.predict_majority(state, 3), [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(trainer.predict_no_change(state, labels), [0.5, 1.0, 1.0])


def test_binary_rounds() -> None:
    state = trainer.update(Baselines("binary"), np.array([1, 0, 1, 1]))
    labels = np.array([0, 0, 1, 1])
    scores, after = trainer.score_baselines("binary", labels, state)
    assert trainer.predict_majority(state, 1)[0] == pytest.approx(4 / 6)
    np.testing.assert_array_equal(trainer.predict_no_change(state, labels), [1, 0, 0, 1])
    assert scores["majority_class"]["accuracy"] == 0.5
    assert scores["majority_class"]["auc"] == 0.5
    assert scores["no_change"]["accuracy"] == 0.5
    assert after == Baselines("binary", (3.0, 5.0), weight=8.0, last=1.0)


def test_scores_do_not_see_the_rows_they_score() -> None:
    state = trainer.update(Baselines("binary"), np.zeros(10, int))
    scores, _ = trainer.score_baselines("binary", np.ones(50, int), state)
    assert scores["majority_class"]["accuracy"] == 0.0
    assert scores["no_change"]["accuracy"] == 0.98


def test_multiclass_grows_with_the_classes() -> None:
    scores, state = trainer.score_baselines(
        "multiclass", np.array([0, 2, 2]), Baselines("multiclass")
    )
    assert scores["no_change"]["accuracy"] == pytest.approx(1 / 3 + 1 / 3)
    assert state.counts == (1.0, 0.0, 2.0)
    scores, state = trainer.score_baselines("multiclass", np.array([2, 3]), state)
    assert scores["majority_class"]["accuracy"] == 0.5
    assert state.counts == (1.0, 0.0, 3.0, 1.0)
    assert trainer.predict_majority(state, 2, 4).sum(axis=1) == pytest.approx(1.0)


def test_regression_mean_and_last_value() -> None:
    state = trainer.update(Baselines("regression"), np.array([1.0, 5.0]), np.array([3.0, 1.0]))
    assert trainer.predict_majority(state, 2).tolist() == [2.0, 2.0]
    assert trainer.predict_no_change(state, np.array([7.0, 8.0])).tolist() == [5.0, 7.0]
    scores, after = trainer.score_baselines("regression", np.array([2.0, 4.0]), state)
    assert scores["majority_class"]["mae"] == 1.0
    assert scores["no_change"]["mae"] == 2.5
    assert after.last == 4.0


def test_weights_count() -> None:
    state = trainer.update(Baselines("binary"), np.array([0, 1]), np.array([9.0, 1.0]))
    assert state.counts == (9.0, 1.0)


@pytest.mark.parametrize("task", list(trainer.METRICS))
def test_no_rows_change_nothing(task: trainer.Task) -> None:
    state = trainer.update(Baselines(task), np.array([0, 1]))
    scores, after = trainer.score_baselines(task, np.array([], np.int32), state)
    assert after == state
    assert scores == {"majority_class": {}, "no_change": {}}


@settings(deadline=None)
@given(
    st.sampled_from(["binary", "multiclass", "regression"]),
    st.lists(st.lists(st.integers(0, 1), max_size=9), max_size=4),
)
def test_state_survives_json_and_cuts_do_not_matter(
    task: trainer.Task, blocks: list[list[int]]
) -> None:
    state = Baselines.from_json(None, task)
    for block in blocks:
        state = trainer.update(state, np.array(block, np.int64))
        state = Baselines.from_json(json.loads(json.dumps(state.to_json())), task)
    joined = np.array([label for block in blocks for label in block], np.int64)
    whole = trainer.update(Baselines(task), joined)
    assert whole.last == state.last
    assert whole.weight == state.weight
    rows = np.array([0, 1, 1])
    cut, uncut = (trainer.score_baselines(task, rows, given)[0] for given in (state, whole))
    for name, scores in cut.items():
        assert scores == pytest.approx(uncut[name])


def test_foreign_state_is_refused() -> None:
    state = Baselines("binary").to_json()
    with pytest.raises(trainer.MetricError, match="of a regression task"):
        Baselines.from_json(state, "regression")
    with pytest.raises(trainer.MetricError, match="state of the baselines"):
        Baselines.from_json({"task": "binary"}, "binary")
    with pytest.raises(trainer.MetricError, match="expected a binary task"):
        trainer.score_baselines("binary", np.array([1]), Baselines("regression"))
