"""The gate that compares row by row, and what it asks of a first version."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from known_pairs import make_pair

import trainer
from trainer import Answers, Evidence, FirstVersion, Guard, PairedTest, ScoreGate, Verdict, score
from trainer import score_constant as constant

GATE = ScoreGate("auc", compare="paired", min_rows=100)
SUPERIOR = replace(GATE, test=PairedTest(margin=0.0))


def make_evidence(answers: Answers, **changes: object) -> Evidence:
    ours, theirs = (
        score(answers.task, answers.labels, output)
        for output in (answers.candidate, answers.champion)
    )
    evidence = Evidence(ours, ours, theirs, 0.0, len(answers.labels), answers)
    return replace(evidence, **changes)


def of_pair(rows: int, *, better: bool, metric: str = "auc", seed: int = 0) -> Evidence:
    answers, _ = make_pair(metric, np.random.default_rng(seed), rows, better=better)
    return make_evidence(answers)


def test_a_better_candidate_is_promoted_with_its_numbers() -> None:
    verdict = SUPERIOR.decide(of_pair(4000, better=True))
    assert verdict.promote
    numbers = verdict.numbers
    assert verdict.reason == (
        f"auc {numbers['gain'] + champion(of_pair(4000, better=True)):.4f} against the champion's "
        f"{champion(of_pair(4000, better=True)):.4f} ({numbers['gain']:+.4f}, at least "
        f"{numbers['low']:+.4f})"
    )
    assert 0 < numbers["low"] < numbers["gain"] < numbers["high"]
    assert (numbers["compare"], numbers["test"], numbers["rows"]) == ("paired", "delong", 4000)
    assert numbers["p"] < 0.05
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers


def champion(evidence: Evidence) -> float:
    assert evidence.champion is not None
    return evidence.champion["auc"]


def test_a_gain_that_may_be_chance_is_not_enough_for_superiority() -> None:
    evidence = of_pair(150, better=True)
    verdict = SUPERIOR.decide(evidence)
    assert evidence.candidate["auc"] > champion(evidence)
    assert not verdict.promote
    assert "with confidence 0.95 (more than +0 needed)" in verdict.reason
    assert replace(GATE, compare="score").decide(evidence).promote


def test_the_same_model_again_is_not_worse_but_not_better() -> None:
    answers, _ = make_pair("auc", np.random.default_rng(0), 300, better=True)
    same = make_evidence(answers.against(answers.candidate))
    assert GATE.decide(same).promote
    assert not SUPERIOR.decide(same).promote


def test_a_worse_candidate_is_refused_however_the_numbers_fall() -> None:
    promoted = [GATE.decide(of_pair(500, better=False, seed=seed)).promote for seed in range(40)]
    assert sum(promoted) <= 4


def test_an_equal_candidate_is_promoted_on_the_usual_holdout() -> None:
    """Of 4,000 rows most candidates that are as good are shown not to be worse by 0.01."""
    promoted = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, 4000)
        shared = rng.normal(size=4000) + 1.2 * labels
        made = [1 / (1 + np.exp(-shared - 0.2 * rng.normal(size=4000))) for _ in range(2)]
        promoted.append(GATE.decide(make_evidence(Answers("binary", labels, *made))).promote)
    assert sum(promoted) >= 36


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_the_usual_margin_of_an_error_is_a_share_of_the_champions(metric: str) -> None:
    rng = np.random.default_rng(1)
    labels = 500 * rng.normal(size=2000)
    noise = 100 * rng.normal(size=2000)
    answers = Answers("regression", labels, labels + 1.002 * noise, labels + noise)
    gate = ScoreGate(metric, compare="paired")
    verdict = gate.decide(make_evidence(answers))
    assert verdict.promote, verdict.reason
    worse = replace(answers, candidate=labels + 1.05 * noise)
    assert not gate.decide(make_evidence(worse)).promote


def test_the_binomial_refuses_what_its_bound_would_let_pass() -> None:
    labels = np.zeros(200, np.int64)
    champion = np.full(200, 0.1)
    champion[:4] = 0.9  # wrong in four rows that the candidate has right: p is 1/16
    answers = Answers("binary", labels, np.full(200, 0.1), champion)
    verdict = replace(SUPERIOR, metric="accuracy").decide(make_evidence(answers))
    assert verdict.numbers["low"] > 0
    assert verdict.reason.endswith("(p 0.0625, less than 0.05 needed)")
    assert not verdict.promote


UNSEEN = {
    "no answers": lambda e: replace(e, answers=None),
    "no answers of the champion": lambda e: replace(e, answers=e.answers.against(None)),
    "answers that are not finite": lambda e: replace(
        e, answers=e.answers.against(np.full(e.rows, np.nan))
    ),
}


@pytest.mark.parametrize("change", UNSEEN.values(), ids=UNSEEN)
def test_what_cannot_be_compared_row_by_row_is_not_promoted(change) -> None:
    verdict = GATE.decide(change(of_pair(400, better=True)))
    assert not verdict.promote
    assert verdict.reason.endswith("cannot be compared row by row on 400 test rows")


def test_a_guard_refuses_what_the_gate_would_promote() -> None:
    evidence = of_pair(2000, better=True)
    assert evidence.answers is not None
    answers = replace(evidence.answers, groups={"part": np.where(np.arange(2000) < 500, "a", "b")})
    spoiled = answers.candidate.copy()
    spoiled[:500] = spoiled[:500][::-1]
    answers = replace(answers, candidate=spoiled, champion=np.full(2000, 0.5))
    guarded = replace(GATE, guards=(Guard("auc", 0.4, "part"), Guard("log_loss", 0.01, "part")))
    assert GATE.decide(make_evidence(answers)).promote
    verdict = guarded.decide(make_evidence(answers))
    assert not verdict.promote
    assert verdict.reason.startswith('guard: part "a": log_loss loses')
    told = [(g["metric"], g["value"], g["held"]) for g in verdict.numbers["guards"]]
    assert told == [
        ("auc", "a", True),
        ("auc", "b", True),
        ("log_loss", "a", False),
        ("log_loss", "b", True),
    ]
    assert verdict.numbers["gain"] > 0
    without = guarded.decide(replace(make_evidence(answers), answers=None))
    assert not without.promote


def test_scores_may_be_compared_beside_guards() -> None:
    gate = ScoreGate("auc", min_rows=100, guards=(Guard("accuracy", 0.5),))
    evidence = of_pair(500, better=True)
    verdict = gate.decide(evidence)
    assert verdict.promote
    assert [guard["held"] for guard in verdict.numbers["guards"]] == [True]
    assert not gate.decide(replace(evidence, answers=None)).promote


FIRST = replace(of_pair(500, better=True), champion=None, baseline={"auc": 0.5})
HELD = FirstVersion(burn_in_rounds=3, burn_in_rows=1000)


@pytest.mark.parametrize(
    ("rounds", "rows", "reason"),
    [
        (1, 10_000, "burn-in: round 1 of 3 that are not promoted"),
        (3, 10_000, "burn-in: round 3 of 3 that are not promoted"),
        (4, 999, "burn-in: 999 rows were learned from, of 1000 before the first promotion"),
        (4, 1000, None),
    ],
)
def test_a_burn_in_holds_the_first_version_back(rounds: int, rows: int, reason: str | None) -> None:
    gate = replace(GATE, first=HELD)
    verdict = gate.decide(replace(FIRST, rounds=rounds, trained_rows=rows))
    assert verdict.promote == (reason is None)
    assert reason is None or verdict.reason == reason


def test_a_burn_in_is_over_where_there_is_a_champion() -> None:
    assert replace(SUPERIOR, first=HELD).decide(of_pair(4000, better=True)).promote


def test_a_first_version_must_beat_the_best_single_answer() -> None:
    poor = replace(FIRST, candidate={"auc": 0.5}, float32={"auc": 0.5})
    verdict = GATE.decide(poor)
    assert verdict.reason == (
        "auc 0.5000 is no better than 0.5000, what the best single answer for all rows scores"
    )
    assert (verdict.promote, verdict.numbers) == (False, {"baseline": 0.5})
    assert replace(GATE, first=FirstVersion(must_beat_baseline=False)).decide(poor).promote
    assert GATE.decide(replace(poor, baseline=None)).promote
    assert GATE.decide(FIRST).promote
    error = Evidence({"rmse": 3.0}, {"rmse": 3.0}, None, 0.0, 500, baseline={"rmse": 2.0})
    assert not ScoreGate("rmse").decide(error).promote


@pytest.mark.parametrize("champion", [{}, {"auc": float("nan")}])
def test_a_champion_without_a_score_counts_as_none(champion: dict[str, float]) -> None:
    poor = replace(FIRST, candidate={"auc": 0.5}, float32={"auc": 0.5}, champion=champion)
    assert "no better than 0.5000" in GATE.decide(poor).reason
    assert GATE.decide(replace(FIRST, champion=champion)).promote
    held = replace(GATE, first=FirstVersion(burn_in_rounds=FIRST.rounds))
    assert held.decide(replace(FIRST, champion=champion)).reason.startswith("burn-in")


def test_the_constant_knows_the_rows_that_it_is_scored_on() -> None:
    labels, weights = np.array([0, 0, 0, 1]), np.array([1.0, 1.0, 1.0, 5.0])
    assert constant("binary", labels)["accuracy"] == 0.75
    assert constant("binary", labels)["auc"] == 0.5
    assert constant("binary", labels, weights)["accuracy"] == 0.625
    assert constant("multiclass", np.array([2, 2, 0]), classes=4)["accuracy"] == pytest.approx(
        2 / 3
    )
    assert constant("regression", np.array([1.0, 3.0]))["rmse"] == 1.0
    assert constant("regression", np.array([1.0, 3.0]))["r2"] == 0.0
    assert constant("binary", labels, np.zeros(4)) == {}
    for foreign in (-1, 2):
        with pytest.raises(trainer.MetricError, match="class indices 0 to 1"):
            constant("multiclass", np.array([0, foreign]))


@pytest.mark.parametrize("name", ["burn_in_rounds", "burn_in_rows"])
def test_burn_ins_out_of_range(name: str) -> None:
    with pytest.raises(trainer.SettingsError, match=f"gate.{name}"):
        FirstVersion(**{name: -1})


def disagree(evidence: Evidence) -> Verdict:
    return Verdict(False, f"{evidence.rows} rows\nare not mine")


def fail(evidence: Evidence) -> Verdict:
    raise KeyError("night")


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (disagree, "gate.own: 4000 rows are not mine"),
        (fail, "gate.own: KeyError: 'night'"),
        (lambda evidence: True, "gate.own: expected a Verdict, got bool"),
        (lambda evidence: Verdict(False, " "), "gate.own: no reason given"),
    ],
)
def test_a_function_of_ones_own_may_refuse(own, reason: str) -> None:
    verdict = replace(GATE, own=own).decide(of_pair(4000, better=True))
    assert (verdict.promote, verdict.reason) == (False, reason)
    assert verdict.numbers["gain"] > 0


def test_a_function_of_ones_own_promotes_nothing_that_others_refuse() -> None:
    gate = replace(SUPERIOR, own=lambda evidence: Verdict(True, "mine"))
    worse, better = of_pair(4000, better=False), of_pair(4000, better=True)
    assert gate.decide(worse) == SUPERIOR.decide(worse)
    assert gate.decide(better) == SUPERIOR.decide(better)


GATES = {
    "own": (replace(GATE, own=disagree), "auc"),
    "own that fails": (replace(GATE, own=fail), "auc"),
    "paired": (GATE, "auc"),
    "superior": (replace(SUPERIOR, first=HELD), "auc"),
    "bootstrap": (replace(GATE, test=PairedTest(test="bootstrap", resamples=100)), "auc"),
    "accuracy": (ScoreGate("accuracy", compare="paired"), "accuracy"),
    "rmse": (ScoreGate("rmse", compare="paired", test=PairedTest(resamples=100)), "rmse"),
    "guards": (replace(GATE, guards=(Guard("log_loss", 0.1, "field"), Guard("auc", 0.1))), "auc"),
    "guards of scores": (ScoreGate("auc", guards=(Guard("auc", 0.1, "unseen"),)), "auc"),
}


@pytest.mark.parametrize(("gate", "metric"), GATES.values(), ids=GATES)
def test_conforms(gate: ScoreGate, metric: str) -> None:
    trainer.check_gate(gate, metric)


def test_check_finds_numbers_that_are_not_finite() -> None:
    class Odd:
        def decide(self, evidence: Evidence) -> trainer.Verdict:
            return trainer.Verdict(False, "odd", {"gain": float("inf")})

    with pytest.raises(AssertionError, match="numbers that are plain and finite"):
        trainer.check_gate(Odd())
