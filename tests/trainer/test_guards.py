"""Guards: which losses of a slice or of another metric keep a candidate from promotion."""

from __future__ import annotations

import numpy as np
import pytest

import trainer
from trainer import Answers, Guard, PairedTest
from trainer.gate.guards import GuardResult

TEST = PairedTest()
SIZES = {"common": 600, "hurt": 200, "rare": 40}


def make_answers(seed: int = 0, hurt: float = 0.3) -> Answers:
    """The candidate is a bit better than the champion but where the group is "hurt"."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(list(SIZES), list(SIZES.values()))
    labels = rng.integers(0, 2, len(groups))
    right = rng.random(len(groups)) < 0.8
    better = right | (rng.random(len(groups)) < 0.2)
    worse = right & (rng.random(len(groups)) > hurt)
    ours = np.where(groups == "hurt", worse, better)
    answers = [np.where(part, labels, 1 - labels) * 0.8 + 0.1 for part in (ours, right)]
    return Answers("binary", labels, *answers, groups={"group": groups})


def judge(guard: Guard, answers: Answers | None = None) -> GuardResult:
    return guard.judge(answers or make_answers(), TEST, seed=1)


def test_a_slice_that_got_worse_is_named_with_its_numbers() -> None:
    result = judge(Guard("accuracy", 0.02, slice="group"))
    assert result.reason is not None
    assert result.reason.startswith('guard: group "hurt": accuracy loses 0.2')
    assert result.reason.endswith("against the champion on 200 rows (at most 0.02)")
    held = {part["value"]: part["held"] for part in result.judged}
    assert held == {"common": True, "hurt": False}
    assert all(part["slice"] == "group" for part in result.judged)


def test_a_slice_of_few_rows_is_not_judged() -> None:
    values = [p["value"] for p in judge(Guard("accuracy", 1.0, "group", min_rows=10)).judged]
    assert values == ["common", "hurt", "rare"]
    values = [p["value"] for p in judge(Guard("accuracy", 1.0, "group", min_rows=601)).judged]
    assert values == []


def test_one_value_may_be_guarded_alone() -> None:
    assert judge(Guard("accuracy", 0.02, "group", "common")).reason is None
    assert judge(Guard("accuracy", 0.02, "group", "hurt")).reason
    assert judge(Guard("accuracy", 0.02, "group", "unseen")) == GuardResult(None)


def test_a_larger_loss_may_be_allowed() -> None:
    assert judge(Guard("accuracy", 0.5, "group")).reason is None


def test_the_mean_over_all_rows_hides_the_slice() -> None:
    assert judge(Guard("accuracy", 0.02)).reason is None


def test_another_metric_of_all_rows_is_guarded() -> None:
    answers = make_answers(hurt=0.0)
    sure = np.where(answers.candidate > 0.5, 1.0, 0.0)
    bold = Answers("binary", answers.labels, sure, answers.champion)
    assert judge(Guard("accuracy", 0.0), bold).reason is None
    reason = judge(Guard("log_loss", 0.05), bold).reason
    assert reason is not None
    assert "guard: log_loss loses" in reason


@pytest.mark.parametrize(
    ("refuse", "refused"), [("proven", False), ("measured", True), ("possible", True)]
)
def test_a_loss_that_may_be_chance(refuse: str, refused: bool) -> None:
    """Of 40 rows one more is wrong: a loss of 0.025, where 0.02 is allowed."""
    labels = np.arange(40) % 2
    champion = np.where(labels == 1, 0.9, 0.1)
    candidate = champion.copy()
    candidate[3] = 1 - candidate[3]
    answers = Answers("binary", labels, candidate, champion)
    result = judge(Guard("accuracy", 0.02, refuse=refuse), answers)
    assert (result.reason is not None) == refused


def test_a_loss_that_is_only_possible_is_told_as_such() -> None:
    labels = np.arange(60) % 2
    same = np.where(labels == 1, 0.9, 0.1)
    answers = Answers("binary", labels, same, same)
    assert judge(Guard("accuracy", 0.02, refuse="proven"), answers).reason is None
    reason = judge(Guard("accuracy", 0.02, refuse="possible"), answers).reason
    assert reason is not None
    assert "accuracy may lose 0.0" in reason


def test_many_slices_refuse_no_more_often_by_chance() -> None:
    """At the boundary of ten slices together: at most one in twenty, give or take."""
    rng, refused, pairs = np.random.default_rng(5), 0, 300
    groups = np.repeat([str(n) for n in range(10)], 60)
    for _ in range(pairs):
        alone = rng.random(600)
        labels = rng.integers(0, 2, 600)
        both = rng.random(600) < 0.7
        ours = np.where(alone < 0.05, True, np.where(alone < 0.15, False, both))
        theirs = np.where(alone < 0.05, False, np.where(alone < 0.15, True, both))
        made = [np.where(part, labels, 1 - labels) * 0.8 + 0.1 for part in (ours, theirs)]
        answers = Answers("binary", labels, *made, groups={"g": groups})
        refused += Guard("accuracy", 0.05, "g").judge(answers, TEST, 0).reason is not None
    assert refused / pairs <= 0.05 + 0.038


@pytest.mark.parametrize("test", ["auto", "bootstrap"])
def test_one_of_many_slices_is_seen_whatever_the_test(test: str) -> None:
    rng, rows = np.random.default_rng(6), 60 * 60
    groups = np.repeat([f"line\n{n}" for n in range(60)], 60)
    labels = rng.integers(0, 2, rows)
    good = labels * 0.6 + 0.2 + rng.normal(0, 0.01, rows)
    bad = np.where(groups == "line\n7", 1 - good, good)
    answers = Answers("binary", labels, bad, good, groups={"g": groups})
    result = Guard("log_loss", 0.01, "g").judge(answers, PairedTest(test=test), 0)
    assert result.reason is not None
    assert result.reason.startswith('guard: g "line 7": log_loss loses')


def test_a_field_that_is_not_there_refuses() -> None:
    reason = judge(Guard("accuracy", 0.02, slice="carrier")).reason
    assert reason == 'guard: the test rows have no field "carrier"'


def test_slices_of_one_class_are_not_judged_by_auc_but_all_rows_must_be() -> None:
    answers = make_answers()
    ones = answers.take(answers.labels == 1)
    assert judge(Guard("auc", 0.0, "group"), ones) == GuardResult(None)
    assert judge(Guard("auc", 0.0), ones).reason == "guard: auc cannot be compared on the test rows"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"max_loss": -1.0}, "max_loss"),
        ({"max_loss": float("nan")}, "max_loss"),
        ({"min_rows": 0}, "min_rows"),
        ({"refuse": "never"}, "refuse"),
        ({"value": "AA"}, "value"),
    ],
)
def test_settings_out_of_range(changes: dict[str, object], place: str) -> None:
    with pytest.raises(trainer.SettingsError, match=f"gate.guards.{place}"):
        Guard(**({"metric": "auc", "max_loss": 0.1} | changes))


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(trainer.MetricError, match='did you mean "auc"'):
        Guard("auk", 0.1)
