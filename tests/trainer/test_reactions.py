"""Each reaction to a drift helps on a drift of its kind, and does to a model what it says."""

import keras
import numpy as np
import pytest

import trainer
from bench.drift.reactions import REACTIONS, build, learned, learner_of, rows_of, train
from trainer.variables import put

LEAST = {"from_scratch": 0.005}


@pytest.mark.parametrize("name", REACTIONS)
def test_the_error_after_the_drift_is_lower(name: str) -> None:
    """The same state of a learner, the same round, 4,000 new rows: standard errors up to 0.008."""
    outcome = REACTIONS[name](0)
    print(f"{name}: {outcome.without:.3f} without, {outcome.reacting:.3f} with it")
    assert outcome.reacting < outcome.without - LEAST.get(name, 0.03)


def test_to_begin_anew_is_to_be_untrained() -> None:
    learner = learned(1, 1, seed=0)
    fresh = build()
    assert trainer.digest(learner.model) != trainer.digest(fresh)
    trainer.begin_anew(learner.model, fresh)
    assert trainer.digest(learner.model) == trainer.digest(fresh)
    assert int(learner.model.optimizer.iterations.numpy()) == 0


@pytest.mark.parametrize("slots", [False, True])
def test_a_learning_rate_that_begins_anew_leaves_the_weights(slots: bool) -> None:
    learner = learned(1, 2, seed=0, schedule=True)
    optimizer = learner.model.optimizer
    weights = learner.model.get_weights()
    kept = [np.array(each.numpy()) for each in optimizer.variables]
    rate = float(optimizer.learning_rate.numpy())
    trainer.reset_learning_rate(learner.model, build(schedule=True), slots=slots)
    assert float(optimizer.learning_rate.numpy()) > rate
    assert int(optimizer.iterations.numpy()) == 0
    for old, now in zip(weights, learner.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    same = [
        np.array_equal(old, new.numpy()) for old, new in zip(kept, optimizer.variables, strict=True)
    ]
    assert sum(same) < len(same) / 2 if slots else sum(same) == len(same) - 1


def test_a_rate_that_a_callback_lowered_is_the_compiled_one_again() -> None:
    learner, untrained = learner_of()
    put(learner.model, untrained)
    learner.model.optimizer.learning_rate = 1e-6
    train(learner, rows_of(1, 100, 0), epochs=1)
    trainer.reset_learning_rate(learner.model, build())
    assert float(learner.model.optimizer.learning_rate.numpy()) == pytest.approx(3e-3)


def test_another_model_is_refused() -> None:
    learner, _ = learner_of()
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    other.compile("adam", "mse")
    with pytest.raises(trainer.ModelError, match="an untrained model: expected"):
        trainer.begin_anew(learner.model, other)
