"""The paired tests, against slow and independent ways to the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_pairs import make_pair
from scipy import optimize, stats
from sklearn.metrics import roc_auc_score

import trainer
from trainer import METRICS, Answers, Comparison, PairedTest, score
from trainer.paired.answers import usable
from trainer.paired.bootstrap import compare_resampled, draw
from trainer.paired.delong import placements
from trainer.paired.mcnemar import compare_hits, score_test
from trainer.paired.paired_test import usual_margin

ALL = [(task, metric) for task, metrics in METRICS.items() for metric in metrics]


def make_answers(task: str, rows: int, seed: int = 0, *, weights: bool = False) -> Answers:
    rng = np.random.default_rng(seed)
    weigh = rng.integers(0, 4, rows).astype(np.float32) if weights else None
    if task == "regression":
        labels = rng.normal(size=rows)
        made = [(labels + rng.normal(size=rows) * s).astype(np.float32) for s in (0.5, 0.6)]
    elif task == "binary":
        labels = rng.integers(0, 2, rows)
        made = [(0.3 + 0.3 * labels + 0.4 * rng.random(rows)).round(2) for _ in range(2)]
    else:
        labels = rng.integers(0, 3, rows)
        raw = [rng.random((rows, 3)) + np.eye(3)[labels] * s for s in (0.9, 0.7)]
        made = [part / part.sum(axis=1, keepdims=True) for part in raw]
    return Answers(task, labels, *made, weights=weigh)


def compare(answers: Answers, metric: str, threshold: float = 0.0, **changes) -> Comparison:
    found = PairedTest(**changes).compare(answers, metric, threshold, seed=5)
    assert found is not None
    return found


@pytest.mark.parametrize(("task", "metric"), ALL)
@pytest.mark.parametrize("test", ["auto", "bootstrap"])
@pytest.mark.parametrize("weights", [False, True], ids=["plain", "weighed"])
def test_the_gain_is_that_of_the_scores(task, metric, test, weights) -> None:
    answers = make_answers(task, 300, weights=weights)
    ours, theirs = (
        score(task, answers.labels, output, answers.weights)[metric]
        for output in (answers.candidate, answers.champion)
    )
    gain = ours - theirs if trainer.higher_is_better(metric) else theirs - ours
    found = compare(answers, metric, test=test, resamples=100)
    assert found.gain == pytest.approx(gain, abs=1e-9)
    assert found.low < found.gain < found.high
    assert found.rows == (300 if not weights else np.count_nonzero(answers.weights))


@pytest.mark.parametrize(("task", "metric"), ALL)
def test_swapping_the_models_turns_the_interval_round(task: str, metric: str) -> None:
    answers = make_answers(task, 200, weights=True)
    one, other = compare(answers, metric), compare(answers.swapped(), metric)
    assert (one.gain, one.low, one.high) == pytest.approx((-other.gain, -other.high, -other.low))
    if metric == "accuracy":  # the less sure of two tests, in both directions
        assert 1 - 1e-9 <= one.p + other.p <= 1.01
    elif metric not in {"rmse", "r2"}:
        assert one.p + other.p == pytest.approx(1)


@pytest.mark.parametrize(("task", "metric"), ALL)
@pytest.mark.parametrize("test", ["auto", "bootstrap"])
def test_a_model_is_as_good_as_itself(task: str, metric: str, test: str) -> None:
    answers = make_answers(task, 400)
    same = replace(answers, champion=answers.candidate)
    assert compare(same, metric, -0.02, test=test).proven
    assert not compare(same, metric, 0.0, test=test).proven


@pytest.mark.parametrize("test", ["auto", "bootstrap"])
@pytest.mark.parametrize(("task", "metric"), ALL)
def test_the_verdict_is_a_function_of_answers_and_seed(task, metric, test) -> None:
    answers = make_answers(task, 150, weights=True)
    assert compare(answers, metric, test=test) == compare(answers, metric, test=test)


def test_placements_are_shares_of_pairs() -> None:
    answers = make_answers("binary", 60)
    scores, positive = answers.candidate, answers.labels == 1
    weights = np.random.default_rng(1).random(60) + 0.1
    above, below = placements(scores, positive, weights)
    pairs = np.sign(scores[positive][:, None] - scores[~positive][None]) / 2 + 0.5
    ones, zeros = weights[positive], weights[~positive]
    np.testing.assert_allclose(above, pairs @ zeros / zeros.sum())
    np.testing.assert_allclose(below, ones @ pairs / ones.sum())
    whole = roc_auc_score(answers.labels, scores, sample_weight=weights)
    assert above @ ones / ones.sum() == pytest.approx(whole)
    assert below @ zeros / zeros.sum() == pytest.approx(whole)


def test_delongs_variance_is_that_of_many_samples() -> None:
    rng, gains, errors = np.random.default_rng(0), [], []
    for _ in range(600):
        answers, _ = make_pair("auc", rng, 300, better=False)
        found = compare(answers, "auc")
        gains.append(found.gain)
        errors.append((found.high - found.low) / 2 / stats.norm.ppf(0.95))
    assert np.std(gains) == pytest.approx(np.mean(errors), rel=0.1)


def test_the_t_is_scipys() -> None:
    answers = make_answers("regression", 120)
    apart = [np.abs(part - answers.labels) for part in (answers.champion, answers.candidate)]
    known = stats.ttest_rel(*apart, alternative="greater")
    found = compare(answers, "mae")
    assert found.p == pytest.approx(known.pvalue)
    assert found.low == pytest.approx(known.confidence_interval(0.95).low)


@pytest.mark.parametrize(("better", "worse"), [(0, 0), (3, 0), (9, 2), (0, 4), (20, 30), (70, 41)])
def test_mcnemars_p_is_the_binomials(better: int, worse: int) -> None:
    found = compare_hits(better, worse, 200, threshold=0.0, confidence=0.95)
    known = 1.0
    if better + worse:
        known = stats.binomtest(better, better + worse, alternative="greater").pvalue
    assert found.p == pytest.approx(known, abs=0.012 if better + worse > 100 else 1e-9)


@pytest.mark.parametrize(("better", "worse", "gain"), [(9, 2, -0.05), (2, 9, 0.1), (0, 0, -0.01)])
def test_tangos_rates_are_the_most_likely_ones(better: int, worse: int, gain: float) -> None:
    rows = 120

    def unlikely(rate: float) -> float:
        chances = np.array([rate + gain, rate, 1 - 2 * rate - gain])
        counts = np.array([better, worse, rows - better - worse])
        return -float((counts * np.log(np.maximum(chances, 1e-300))).sum())

    low, high = max(0.0, -gain), (1 - gain) / 2
    rate = optimize.minimize_scalar(unlikely, (low, high), (low, high), method="bounded").x
    error = np.sqrt((2 * rate + gain - gain**2) / rows)
    known = ((better - worse) / rows - gain) / error
    assert score_test(better, worse, rows, gain) == pytest.approx(known, rel=1e-3)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(80, 400), st.floats(0.6, 0.99))
@settings(max_examples=60)
def test_tangos_bounds_are_where_its_test_turns(better, worse, rows, confidence) -> None:
    found = compare_hits(better, worse, rows, threshold=-0.01, confidence=confidence)
    wanted = stats.norm.ppf(confidence)
    assert -1 <= found.low <= found.gain <= found.high <= 1
    if -0.999 < found.low < found.gain:
        assert score_test(better, worse, rows, found.low) == pytest.approx(wanted, abs=1e-3)
    assert found.proven == (found.low > -0.01) or abs(found.low + 0.01) < 1e-6


def test_accuracy_of_weighed_rows_is_compared_by_the_t() -> None:
    plain = make_answers("binary", 300)
    assert compare(plain, "accuracy").test == "mcnemar"
    even = replace(plain, weights=np.full(300, 2.0))
    assert compare(even, "accuracy") == compare(plain, "accuracy")
    assert compare(make_answers("binary", 300, weights=True), "accuracy").test == "t"


@pytest.mark.parametrize(
    ("task", "metric"),
    [("binary", "auc"), ("multiclass", "accuracy"), ("regression", "rmse"), ("regression", "r2")],
)
def test_resamples_score_as_the_scores_do(task: str, metric: str) -> None:
    answers = make_answers(task, 80, weights=True)
    kept = answers.take(answers.weights > 0)
    higher = 1 if trainer.higher_is_better(metric) else -1
    gains = [
        higher
        * (
            score(task, kept.labels, kept.candidate, weights)[metric]
            - score(task, kept.labels, kept.champion, weights)[metric]
        )
        for part in draw(kept.weights / kept.weights.max(), 100, 5)
        for weights in part
    ]
    found = compare_resampled(
        usable(answers), metric, threshold=0.0, confidence=0.95, resamples=100, seed=5
    )
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(gains, [0.05, 0.95])))


def test_resamples_are_a_function_of_the_seed_and_cut_anyhow() -> None:
    weights = np.ones(3000)
    drawn = np.concatenate(list(draw(weights, 400, 1)))
    assert drawn.shape == (400, 3000)
    assert (drawn.sum(axis=1) == 3000).all()
    np.testing.assert_array_equal(drawn[:350], np.concatenate(list(draw(weights, 350, 1)))[:350])
    assert (np.concatenate(list(draw(weights, 400, 2))) != drawn).any()


UNCOMPARED = {
    "no champion": {"champion": None},
    "another number of rows": {"champion": np.zeros(5)},
    "not finite": {"champion": np.full(40, np.nan)},
    "candidate not finite": {"candidate": np.full(40, np.inf)},
    "no weight": {"weights": np.zeros(40)},
    "one class": {"labels": np.zeros(40, np.int64)},
    "one row of a class": {"labels": (np.arange(40) == 3).astype(np.int64)},
}


@pytest.mark.parametrize("changes", UNCOMPARED.values(), ids=UNCOMPARED)
@pytest.mark.parametrize("test", ["auto", "bootstrap"])
def test_what_cannot_be_compared_is_none(changes: dict[str, object], test: str) -> None:
    answers = replace(make_answers("binary", 40), **changes)
    assert PairedTest(test=test).compare(answers, "auc", 0.0, 0) is None


def test_rows_of_no_weight_do_not_count() -> None:
    answers = make_answers("binary", 200, weights=True)
    strange = replace(answers, candidate=np.where(answers.weights > 0, answers.candidate, np.nan))
    assert compare(strange, "auc") == compare(answers, "auc")


@pytest.mark.parametrize("metric", ["auc", "accuracy", "log_loss"])
@pytest.mark.parametrize("test", ["auto", "bootstrap"])
def test_only_the_ratios_of_weights_count(metric: str, test: str) -> None:
    plain = make_answers("binary", 200, weights=True)
    known = compare(plain, metric, test=test)
    for unit in (1e-200, 1e300):
        other = compare(
            replace(plain, weights=plain.weights.astype(np.float64) * unit), metric, test=test
        )
        for name in ("gain", "low", "high", "p"):
            assert getattr(other, name) == pytest.approx(getattr(known, name), rel=1e-6)


def test_forms_of_predictions_are_the_same() -> None:
    plain = make_answers("binary", 200)
    column = replace(plain, candidate=plain.candidate[:, None])
    both = replace(plain, candidate=np.stack([1 - plain.candidate, plain.candidate], axis=1))
    assert compare(column, "auc") == compare(plain, "auc") == compare(both, "auc")


def test_usual_margins() -> None:
    assert usual_margin("auc", 0.7) == 0.01
    assert usual_margin("rmse", 30.0) == pytest.approx(0.3)


@pytest.mark.parametrize(
    "changes",
    [
        {"margin": -0.1},
        {"margin": np.nan},
        {"confidence": 0.5},
        {"confidence": 1.0},
        {"test": "z"},
        {"resamples": 10},
        {"resamples": 1000, "confidence": 0.9995},
    ],
)
def test_settings_out_of_range(changes: dict[str, object]) -> None:
    with pytest.raises(trainer.SettingsError, match=f"gate.{next(iter(changes))}"):
        PairedTest(**changes)
