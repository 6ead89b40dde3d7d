import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import trainer
from trainer import Evidence, ScoreGate, Verdict

GATE = ScoreGate("auc", max_loss=0.01, min_gain=0.002, max_output_difference=0.1, min_rows=100)
FINE = Evidence({"auc": 0.80}, {"auc": 0.805}, {"auc": 0.79}, 0.05, 500)
NAN, INF = {"auc": math.nan}, {"auc": math.inf}

REFUSED = [
    ({"rows": 99}, "99 test rows are too few to decide on (100 needed)"),
    ({"rows": 0, "candidate": {}}, "0 test rows are too few to decide on (100 needed)"),
    ({"candidate": {}}, "auc of the candidate could not be computed on 500 test rows"),
    ({"float32": {}}, "auc of the float32 could not be computed on 500 test rows"),
    ({"candidate": NAN}, "auc of the candidate is nan"),
    ({"candidate": INF}, "auc of the candidate is inf"),
    ({"float32": NAN}, "auc of the float32 is nan"),
    (
        {"output_difference": 0.25},
        "predictions differ from the float32 model's by 0.25 (at most 0.1)",
    ),
    (
        {"output_difference": math.nan},
        "predictions differ from the float32 model's by nan (at most 0.1)",
    ),
    (
        {"float32": {"auc": 0.82}},
        "auc 0.8000 is 0.0200 worse than float32 0.8200 (at most 0.01)",
    ),
    (
        {"champion": {"auc": 0.80}},
        "auc 0.8000 against the champion's 0.8000 is a gain of +0.0000 (at least +0.002)",
    ),
    (
        {"champion": {"auc": 0.83}},
        "auc 0.8000 against the champion's 0.8300 is a gain of -0.0300 (at least +0.002)",
    ),
]

PROMOTED = [
    ({}, "auc 0.8000 against the champion's 0.7900 (+0.0100)"),
    ({"champion": None}, "auc 0.8000, and there is no champion yet"),
    ({"champion": NAN}, "auc 0.8000, and the champion's is nan"),
    ({"champion": {}}, "auc 0.8000, and the champion's is nan"),
    ({"float32": {"auc": 0.81}}, "auc 0.8000 against the champion's 0.7900 (+0.0100)"),
    ({"rows": 100}, "auc 0.8000 against the champion's 0.7900 (+0.0100)"),
    ({"output_difference": 0.1}, "auc 0.8000 against the champion's 0.7900 (+0.0100)"),
]


def told(verdict: Verdict) -> tuple[bool, str]:
    return verdict.promote, verdict.reason


@pytest.mark.parametrize(("changes", "reason"), REFUSED)
def test_refusals(changes: dict[str, object], reason: str) -> None:
    assert told(GATE.decide(replace(FINE, **changes))) == (False, reason)


@pytest.mark.parametrize(("changes", "reason"), PROMOTED)
def test_promotions(changes: dict[str, object], reason: str) -> None:
    assert told(GATE.decide(replace(FINE, **changes))) == (True, reason)


def test_without_champion_the_float32_checks_hold() -> None:
    evidence = replace(FINE, champion=None, float32={"auc": 0.82})
    assert not GATE.decide(evidence).promote


def test_negative_gain_tolerates_a_loss() -> None:
    gate = replace(GATE, min_gain=-0.02)
    assert gate.decide(replace(FINE, champion={"auc": 0.815})).promote
    assert not gate.decide(replace(FINE, champion={"auc": 0.825})).promote


def test_less_is_better_for_an_error() -> None:
    gate = replace(GATE, metric="rmse")
    fine = Evidence({"rmse": 1.0}, {"rmse": 0.995}, {"rmse": 1.2}, 0.0, 500)
    assert gate.decide(fine) == Verdict(
        True,
        "rmse 1.0000 against the champion's 1.2000 (+0.2000)",
        {"compare": "score", "metric": "rmse", "gain": pytest.approx(0.2)},
    )
    worse = gate.decide(replace(fine, champion={"rmse": 0.9}))
    assert "is a gain of -0.1000" in worse.reason
    assert "0.5000 worse than float32" in gate.decide(replace(fine, float32={"rmse": 0.5})).reason


def test_any_output_difference_may_be_allowed() -> None:
    gate = replace(GATE, max_output_difference=None)
    assert gate.decide(replace(FINE, output_difference=99.0)).promote


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_better_candidate_is_never_judged_worse(a: float, b: float, champion: float) -> None:
    low, high = sorted((a, b))
    evidence = replace(FINE, float32={"auc": low}, champion={"auc": champion})
    if GATE.decide(replace(evidence, candidate={"auc": low})).promote:
        assert GATE.decide(replace(evidence, candidate={"auc": high})).promote


@pytest.mark.parametrize(
    "changes",
    [
        {"max_loss": -0.1},
        {"max_loss": math.nan},
        {"max_output_difference": -1.0},
        {"min_rows": -1},
        {"min_gain": math.nan},
    ],
)
def test_thresholds_out_of_range(changes: dict[str, float]) -> None:
    with pytest.raises(trainer.SettingsError, match=f"gate.{next(iter(changes))}"):
        replace(GATE, **changes)


def test_unknown_metric() -> None:
    with pytest.raises(trainer.MetricError, match='did you mean "auc"'):
        ScoreGate("auk")


@pytest.mark.parametrize("gate", [GATE, ScoreGate("auc"), replace(GATE, min_rows=0)])
def test_conforms(gate: ScoreGate) -> None:
    trainer.check_gate(gate)


def test_check_finds_a_gate_that_promotes_blindly() -> None:
    class Blind:
        def decide(self, evidence: Evidence) -> Verdict:
            return Verdict(True, "why not")

    with pytest.raises(AssertionError, match="no promotion without a score"):
        trainer.check_gate(Blind())


def test_check_finds_a_gate_without_reasons() -> None:
    class Silent:
        def decide(self, evidence: Evidence) -> Verdict:
            return Verdict(False, "")

    with pytest.raises(AssertionError, match="a reason"):
        trainer.check_gate(Silent())
